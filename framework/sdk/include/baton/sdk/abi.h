/*
 * The binary interface between Baton and a plugin: C11, fixed-width integers, borrowed strings, append-only.
 *
 * A plugin is a shared object that exports one function, baton_plugin_entry. The host loads it with RTLD_NOW | RTLD_LOCAL and
 * never unloads it. For each run it calls, in this order:
 *
 *   baton_plugin_entry()        once or more
 *     create(host, &instance)   parameters may be read
 *     run(instance)             does the work
 *       stop(instance)          at most once, from another thread, while run() is running
 *     destroy(instance)         iff create() returned BATON_STATUS_OK
 *
 * Words used below
 *   [worker]       called on the one thread that carries out this run; create, run and destroy come on the same thread.
 *   [any-thread]   may be called from any thread, also from several at once.
 *   state          between which calls a function may be called.
 *   borrowed       the callee must not keep the pointer after it returns, unless a longer lifetime is stated. Nobody frees what the
 *                  other side allocated.
 *
 * Rules: no exception, no longjmp and no C++ type crosses. Strings are UTF-8, {pointer, size}, not terminated; {anything, 0} is
 * empty. Zero is never a meaningful value of an enumeration: a zeroed field means "forgotten" and is refused. Structures grow at
 * their end only, and carry their size as the side that wrote them was compiled; a field beyond that size is absent.
 * docs/explanation/abi-policy.md says what may change.
 */
#ifndef BATON_SDK_ABI_H
#define BATON_SDK_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define BATON_NOEXCEPT noexcept
extern "C" {
#else
#define BATON_NOEXCEPT
#endif

#define BATON_ABI_MAGIC UINT64_C(0x6e6f746162010d0a) /* "\n\r\1baton", little-endian */
#define BATON_ABI_MAJOR 1
#define BATON_ABI_MINOR 0

#define BATON_EXPORT __attribute__((visibility("default")))

/* Text, borrowed unless stated otherwise. */
typedef struct baton_string {
  const char* data;
  size_t size;
} baton_string;

/* A name and its text: a field of a log line, an entry of a map. */
typedef struct baton_field {
  baton_string key;
  baton_string value;
} baton_field;

/* ---- parameters ------------------------------------------------------------------------------------------------------------- */

/* Values of baton_parameter.type and baton_value.type. */
enum {
  BATON_TYPE_TEXT = 1,
  BATON_TYPE_INTEGER = 2,
  BATON_TYPE_NUMBER = 3,
  BATON_TYPE_BOOLEAN = 4,
  BATON_TYPE_DURATION = 5, /* microseconds in the integer; text carries a unit: "250ms", "1h30m" */
  BATON_TYPE_LIST = 6,     /* of texts */
  BATON_TYPE_MAP = 7       /* of texts */
};

/* Bits of baton_parameter.flags. */
enum {
  BATON_PARAMETER_REQUIRED = 1,    /* no run without it; excludes a default */
  BATON_PARAMETER_SECRET = 2,      /* never shown: not in logs, pages or error messages */
  BATON_PARAMETER_HAS_DEFAULT = 4, /* `fallback` counts, even when empty */
  BATON_PARAMETER_HAS_MINIMUM = 8,
  BATON_PARAMETER_HAS_MAXIMUM = 16
};

/*
 * One parameter a job may set under `with`. The host checks what a user wrote against this before create() is called.
 * A parameter that is neither required nor has a default may be absent at run time.
 */
typedef struct baton_parameter {
  baton_string name; /* lower case letters, digits and _ */
  baton_string help; /* one sentence */
  uint32_t type;     /* BATON_TYPE_... */
  uint32_t flags;    /* BATON_PARAMETER_... */
  /* The default as a user would write it; a list has an item a line, a map a line "key=value" each. */
  baton_string fallback;
  /* Inclusive bounds of an integer, a number, or a duration in seconds. */
  double minimum;
  double maximum;
  /* The only texts allowed; none: any. */
  const baton_string* choices;
  size_t choice_count;
} baton_parameter;

/* The checked value of a parameter. Only the fields of its type are set. */
typedef struct baton_value {
  uint32_t struct_size;       /* set by the plugin before the call */
  uint32_t type;              /* BATON_TYPE_... */
  int64_t integer;            /* INTEGER; BOOLEAN as 0 or 1; DURATION in microseconds */
  double number;              /* NUMBER */
  baton_string text;          /* TEXT */
  const baton_string* items;  /* LIST, `count` of them */
  const baton_field* entries; /* MAP, `count` of them, sorted by key */
  size_t count;
} baton_value;

/* ---- metrics ---------------------------------------------------------------------------------------------------------------- */

/* Values of baton_metric.kind. */
enum { BATON_METRIC_COUNTER = 1, BATON_METRIC_GAUGE = 2, BATON_METRIC_HISTOGRAM = 3 };

/*
 * One series the plugin keeps, for each of its jobs: baton_plugin_<plugin>_<name>{job_name="...", labels...}. All there will ever be
 * is known when the plugin is loaded, so each exists from the first scrape on. A family of several series has a row for each,
 * with the same kind, help, buckets and label names.
 */
typedef struct baton_metric {
  baton_string name; /* a-z, 0-9 and _, the first a letter; with the unit, and _total at the end of a counter's */
  baton_string help; /* one sentence */
  uint32_t kind;     /* BATON_METRIC_... */
  uint32_t label_count;
  const baton_field* labels; /* names as above; not job, instance, job_name, le, quantile, nor any that begins with __ */
  /* Upper bounds of a histogram's buckets, rising; none: 1 ms to 1 h as for durations in seconds. */
  const double* buckets;
  size_t bucket_count;
} baton_metric;

/* ---- what the host offers --------------------------------------------------------------------------------------------------- */

/* What the host knows of the run. Does not change while it lasts. */
typedef struct baton_run_info {
  uint32_t struct_size;
  uint32_t attempt; /* 1 for the first */
  int64_t tick;     /* the nominal time, microseconds since 1970-01-01 UTC */
  int64_t deadline; /* when the run will be stopped for taking too long, as above; INT64_MAX: never */
  uint64_t fence;   /* rises with every attempt under the lock; hand it to systems that can refuse an older one */
  baton_string cluster;
  baton_string instance;
  baton_string job;
  baton_string run_id;
  baton_string trigger; /* "schedule", "trigger", "after", "retry" or "catch_up"; more may come */
} baton_run_info;

/* Levels of log(). */
enum { BATON_LOG_DEBUG = 1, BATON_LOG_INFO = 2, BATON_LOG_WARNING = 3, BATON_LOG_ERROR = 4 };

/*
 * Functions of the host for one run; `context` is passed back to each.
 * Lifetime: the table, what `context` points to, and every string and array it hands out live from the call of create() until
 * destroy() has returned (or create() has, if it failed).
 */
typedef struct baton_host {
  uint32_t struct_size;
  uint16_t abi_major;
  uint16_t abi_minor;
  void* context;

  /* [any-thread] Facts of the run. Never null. */
  const baton_run_info* (*run_info)(void* context)BATON_NOEXCEPT;

  /*
   * [any-thread] Reads a checked parameter, defaults filled in. Returns 1 and fills `out`, or returns 0 and leaves it alone: no such
   * parameter in the table, or neither set nor defaulted. What `out` points to belongs to the host (lifetime above).
   */
  uint32_t (*get_value)(void* context, baton_string name, baton_value* out) BATON_NOEXCEPT;

  /* [any-thread] Writes a line to the scheduler's log: a short message that never changes, and fields. All borrowed. */
  void (*log)(void* context, uint32_t level, baton_string message, const baton_field* fields, size_t count) BATON_NOEXCEPT;

  /* [any-thread] Says how far the work is: `fraction` from 0 to 1, and a few words. Borrowed. */
  void (*progress)(void* context, double fraction, baton_string text) BATON_NOEXCEPT;

  /* [any-thread] 1 once the run should end: stop order, time-out or lost lock. Stays 1. */
  uint32_t (*stop_requested)(void* context) BATON_NOEXCEPT;

  /* [any-thread] A descriptor that polls readable (POLLIN) once stop_requested() is 1. Owned by the host: do not read or close it. */
  int32_t (*stop_descriptor)(void* context) BATON_NOEXCEPT;

  /*
   * [any-thread] 1 while the host has proof that the named lock is held. A hint for work that should not begin; work that must
   * not overlap is fenced.
   */
  uint32_t (*lease_is_held)(void* context) BATON_NOEXCEPT;

  /*
   * [worker] State: from create() until run() returns. The text people see with the outcome; when create() or run() fails, the
   * reason. The last call counts; at most 4 KiB are kept. Copied.
   */
  void (*set_result)(void* context, baton_string text) BATON_NOEXCEPT;

  /*
   * [any-thread] Adds to a counter (not negative), sets a gauge, observes in a histogram. `metric` is the row in the descriptor's table,
   * counted from 1; any other number does nothing, nor does a value that is not finite. Summed up and handed on each second and at the
   * end of the run, so it is cheap; a crash loses at most the last second.
   */
  void (*update_metric)(void* context, uint32_t metric, double value) BATON_NOEXCEPT;

  /*
   * [any-thread] A table of functions beyond this one, by an id such as "baton.kv/1", or null. The id says which structure is behind
   * the pointer and never changes its meaning. Borrowed; lifetime of the answer as above.
   */
  const void* (*get_extension)(void* context, baton_string id)BATON_NOEXCEPT;
} baton_host;

/* Behind BATON_LEASE: how much longer the named lock is known to be held. */
#define BATON_LEASE "baton.lease/1"
typedef struct baton_lease {
  uint32_t struct_size;
  /*
   * [any-thread] `context` is the host's. Microseconds until the run has to be over unless the lock is proven again, as it is every few
   * seconds; 0: the lease has ended.
   */
  int64_t (*time_left)(void* context) BATON_NOEXCEPT;
} baton_lease;

/*
 * Behind BATON_STORE, for plugins with BATON_PLUGIN_USES_STORE only: how the scheduler reaches its store, and what guards this run there.
 * Lifetime: as baton_host. Never log any of it.
 */
#define BATON_STORE "baton.store/1"
typedef struct baton_store {
  uint32_t struct_size;
  uint32_t reserved;
  baton_string url; /* as configured, without a password: mysql://user@host:3306,host2/database?socket=... */
  baton_string password;
  baton_string tls_mode; /* disabled, required, verify_ca or verify_identity */
  baton_string tls_ca;   /* a file, or empty */
  /* The row of baton_fence whose fence is that of baton_run_info while nobody else holds the lock. */
  baton_string lock_name;
} baton_store;

/* ---- what a plugin offers --------------------------------------------------------------------------------------------------- */

/* What create() returns. */
enum { BATON_STATUS_OK = 1, BATON_STATUS_FAILED = 2 };

/* What run() returns. */
enum {
  BATON_OUTCOME_SUCCESS = 1,
  BATON_OUTCOME_FAILURE = 2,
  BATON_OUTCOME_RETRY_LATER = 3, /* a failure that a later attempt may cure */
  BATON_OUTCOME_SKIPPED = 4,     /* nothing to do; counts as success */
  BATON_OUTCOME_CANCELLED = 5    /* ended early because stop_requested() */
};

/* Bits of baton_plugin_descriptor.flags. */
enum {
  BATON_PLUGIN_USES_STORE = 1 /* get_extension(BATON_STORE) answers; without it the store's password never reaches the run's process */
};

/* What a plugin is. Lifetime: static; every pointer in it is valid and unchanged for as long as the plugin is loaded. */
typedef struct baton_plugin_descriptor {
  uint64_t magic;        /* BATON_ABI_MAGIC */
  uint32_t struct_size;  /* sizeof(baton_plugin_descriptor) */
  uint16_t abi_major;    /* BATON_ABI_MAJOR: a host accepts its own only */
  uint16_t abi_minor;    /* BATON_ABI_MINOR: a host accepts its own and older ones */
  baton_string name;     /* as in `plugin: NAME`, and the file's name without .so: a-z, 0-9, _ and - */
  baton_string version;  /* the plugin's own, for people */
  baton_string build_id; /* tells two builds apart, for people */

  const baton_parameter* parameters;
  uint32_t parameter_count;
  uint32_t parameter_size; /* sizeof(baton_parameter): the distance from one to the next */

  const baton_metric* metrics;
  uint32_t metric_count;
  uint32_t metric_size; /* sizeof(baton_metric) */

  uint64_t flags; /* BATON_PLUGIN_... */

  /*
   * [worker] State: loaded. Prepares a run. On BATON_STATUS_OK writes the plugin's own pointer to `*instance` (null is allowed);
   * on BATON_STATUS_FAILED has given the reason to host->set_result() and keeps nothing. `host`: lifetime at baton_host.
   * Several instances may exist at once on different threads (isolation: in_process).
   */
  uint32_t (*create)(const baton_host* host, void** instance) BATON_NOEXCEPT;

  /*
   * [worker] State: created; called once. Does the work and returns BATON_OUTCOME_...; anything else counts as failure. Must come
   * back soon after stop_requested(): in a process of its own the handler is otherwise ended by SIGTERM, then SIGKILL; in process
   * nothing can end it.
   */
  uint32_t (*run)(void* instance) BATON_NOEXCEPT;

  /*
   * [any-thread] State: from just before run() is called until it returns; at most once, after stop_requested() has become 1. A nudge for
   * plugins that cannot poll. Must not block. May be null.
   */
  void (*stop)(void* instance) BATON_NOEXCEPT;

  /*
   * [worker] State: created, run() not running. Frees the instance. The process may also end without this call. It may also carry out
   * further runs of the plugin, one after another; what outlives an instance (a global, a descriptor, a thread, the working directory)
   * costs the process that.
   */
  void (*destroy)(void* instance) BATON_NOEXCEPT;
} baton_plugin_descriptor;

/* [any-thread] The one exported symbol. Never null; always the same answer; no work beyond building the descriptor. */
BATON_EXPORT const baton_plugin_descriptor* baton_plugin_entry(void) BATON_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif /* BATON_SDK_ABI_H */
