/* Plugins that are refused, one for each macro. */
#include "baton/sdk/abi.h"

#define TEXT(literal) \
  { literal, sizeof(literal) - 1 }

static uint32_t create(const baton_host* host, void** instance) {
  (void)host;
  *instance = 0;
  return BATON_STATUS_OK;
}
static uint32_t run(void* instance) {
  (void)instance;
  return BATON_OUTCOME_SUCCESS;
}
static void destroy(void* instance) { (void)instance; }

static const baton_parameter parameters[] = {{
    .name = TEXT("count"),
#ifdef BROKEN_UTF8
    .help = TEXT("how many \xff"),
#else
    .help = TEXT("how many"),
#endif
    .type = BATON_TYPE_INTEGER,
#ifdef BROKEN_DEFAULT
    .flags = BATON_PARAMETER_HAS_DEFAULT | BATON_PARAMETER_HAS_MAXIMUM,
#endif
    .fallback = TEXT("11"),
    .maximum = 10,
}};

static const baton_field labels[] = {{TEXT("kind"), TEXT("full")}};
static const baton_metric metrics[] = {{
    .name = TEXT("errors_total"),
    .help = TEXT("Rows not copied."),
#ifdef BROKEN_METRIC
    .kind = BATON_METRIC_GAUGE,
#else
    .kind = BATON_METRIC_COUNTER,
#endif
    .label_count = 1,
    .labels = labels,
}};

static const baton_plugin_descriptor descriptor = {
#ifdef BROKEN_MAGIC
    .magic = 42,
#else
    .magic = BATON_ABI_MAGIC,
#endif
#ifdef BROKEN_SIZE
    .struct_size = sizeof(baton_plugin_descriptor) - 8,
#else
    .struct_size = sizeof(baton_plugin_descriptor),
#endif
#ifdef BROKEN_MAJOR
    .abi_major = BATON_ABI_MAJOR + 1,
#else
    .abi_major = BATON_ABI_MAJOR,
#endif
#ifdef BROKEN_MINOR
    .abi_minor = BATON_ABI_MINOR + 1,
#else
    .abi_minor = BATON_ABI_MINOR,
#endif
#ifdef BROKEN_NAME
    .name = TEXT("another_name"),
#else
    .name = TEXT(PLUGIN_NAME),
#endif
    .version = TEXT("1"),
    .build_id = TEXT("test"),
    .parameters = parameters,
    .parameter_count = 1,
    .parameter_size = sizeof(baton_parameter),
    .metrics = metrics,
    .metric_count = 1,
    .metric_size = sizeof(baton_metric),
    .create = create,
#ifndef BROKEN_FUNCTION
    .run = run,
#endif
    .destroy = destroy,
};

#ifdef BROKEN_SYMBOL
BATON_EXPORT const baton_plugin_descriptor* some_other_entry(void);
const baton_plugin_descriptor* some_other_entry(void) {
#else
const baton_plugin_descriptor* baton_plugin_entry(void) {
#endif
  (void)run;
#ifdef BROKEN_NULL
  (void)descriptor;
  return 0;
#else
  return &descriptor;
#endif
}
