/* A plugin in C11: counts down, and comes back at once when it is asked to stop. */
#include <baton/sdk/abi.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(literal) \
  { (literal), sizeof(literal) - 1 }

static baton_string text(const char* s) {
  const baton_string t = {s, strlen(s)};
  return t;
}

struct countdown {
  const baton_host* host;
  int64_t from;
  int64_t pause; /* microseconds */
};

static int64_t integer(const baton_host* host, const char* name) {
  baton_value value = {.struct_size = sizeof(baton_value)};
  return host->get_value(host->context, text(name), &value) == 1 ? value.integer : 0;
}

static uint32_t create(const baton_host* host, void** instance) {
  struct countdown* me = malloc(sizeof *me);
  if (me == NULL) {
    host->set_result(host->context, text("no memory is left"));
    return BATON_STATUS_FAILED;
  }
  me->host = host;
  me->from = integer(host, "from");
  me->pause = integer(host, "pause");
  *instance = me;
  return BATON_STATUS_OK;
}

static uint32_t run(void* instance) {
  const struct countdown* me = instance;
  const baton_host* host = me->host;
  for (int64_t left = me->from; left > 0; --left) {
    char number[32];
    snprintf(number, sizeof number, "%" PRId64, left);
    const baton_field fields[] = {{TEXT("left"), text(number)}};
    host->log(host->context, BATON_LOG_INFO, text("counting"), fields, 1);
    host->progress(host->context, (double)(me->from - left) / (double)me->from, text(number));
    struct pollfd stop = {.fd = host->stop_descriptor(host->context), .events = POLLIN};
    if (poll(&stop, 1, (int)(me->pause / 1000)) > 0) return BATON_OUTCOME_CANCELLED;
  }
  host->set_result(host->context, text("lift-off"));
  return BATON_OUTCOME_SUCCESS;
}

static void destroy(void* instance) { free(instance); }

static const baton_parameter parameters[] = {
    {
        .name = TEXT("from"),
        .help = TEXT("where to begin"),
        .type = BATON_TYPE_INTEGER,
        .flags = BATON_PARAMETER_HAS_DEFAULT | BATON_PARAMETER_HAS_MINIMUM | BATON_PARAMETER_HAS_MAXIMUM,
        .fallback = TEXT("10"),
        .minimum = 1,
        .maximum = 1000,
    },
    {
        .name = TEXT("pause"),
        .help = TEXT("between two numbers"),
        .type = BATON_TYPE_DURATION,
        .flags = BATON_PARAMETER_HAS_DEFAULT | BATON_PARAMETER_HAS_MAXIMUM,
        .fallback = TEXT("1s"),
        .maximum = 3600, /* seconds */
    },
};

static const baton_plugin_descriptor descriptor = {
    .magic = BATON_ABI_MAGIC,
    .struct_size = sizeof(baton_plugin_descriptor),
    .abi_major = BATON_ABI_MAJOR,
    .abi_minor = BATON_ABI_MINOR,
    .name = TEXT("countdown"),
    .version = TEXT("1.0.0"),
    .build_id = TEXT("compiler " __VERSION__),
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof parameters[0],
    .parameter_size = sizeof(baton_parameter),
    .create = create,
    .run = run,
    .destroy = destroy,
};

const baton_plugin_descriptor* baton_plugin_entry(void) { return &descriptor; }
