/* The layout of ABI 1.0 on 64-bit machines, pinned: a change here breaks every plugin built so far. Read docs/explanation/abi-policy.md. */
#include "baton/sdk/abi.h"

#define SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)
#define AT(type, field, offset) _Static_assert(offsetof(type, field) == (offset), #type "." #field)
#define IS(name, number) _Static_assert(name == (number), #name)

_Static_assert(BATON_ABI_MAGIC == UINT64_C(0x6e6f746162010d0a), "BATON_ABI_MAGIC");

SIZE(baton_string, 16);
SIZE(baton_field, 32);

SIZE(baton_parameter, 88);
AT(baton_parameter, help, 16);
AT(baton_parameter, type, 32);
AT(baton_parameter, flags, 36);
AT(baton_parameter, fallback, 40);
AT(baton_parameter, minimum, 56);
AT(baton_parameter, maximum, 64);
AT(baton_parameter, choices, 72);
AT(baton_parameter, choice_count, 80);

SIZE(baton_value, 64);
AT(baton_value, type, 4);
AT(baton_value, integer, 8);
AT(baton_value, number, 16);
AT(baton_value, text, 24);
AT(baton_value, items, 40);
AT(baton_value, entries, 48);
AT(baton_value, count, 56);

SIZE(baton_run_info, 112);
AT(baton_run_info, attempt, 4);
AT(baton_run_info, tick, 8);
AT(baton_run_info, deadline, 16);
AT(baton_run_info, fence, 24);
AT(baton_run_info, cluster, 32);
AT(baton_run_info, instance, 48);
AT(baton_run_info, job, 64);
AT(baton_run_info, run_id, 80);
AT(baton_run_info, trigger, 96);

SIZE(baton_metric, 64);
AT(baton_metric, help, 16);
AT(baton_metric, kind, 32);
AT(baton_metric, label_count, 36);
AT(baton_metric, labels, 40);
AT(baton_metric, buckets, 48);
AT(baton_metric, bucket_count, 56);

SIZE(baton_host, 96);
AT(baton_host, abi_major, 4);
AT(baton_host, abi_minor, 6);
AT(baton_host, context, 8);
AT(baton_host, run_info, 16);
AT(baton_host, get_value, 24);
AT(baton_host, log, 32);
AT(baton_host, progress, 40);
AT(baton_host, stop_requested, 48);
AT(baton_host, stop_descriptor, 56);
AT(baton_host, lease_is_held, 64);
AT(baton_host, set_result, 72);
AT(baton_host, update_metric, 80);
AT(baton_host, get_extension, 88);

SIZE(baton_lease, 16);
AT(baton_lease, time_left, 8);

SIZE(baton_store, 88);
AT(baton_store, url, 8);
AT(baton_store, password, 24);
AT(baton_store, tls_mode, 40);
AT(baton_store, tls_ca, 56);
AT(baton_store, lock_name, 72);

SIZE(baton_plugin_descriptor, 136);
AT(baton_plugin_descriptor, struct_size, 8);
AT(baton_plugin_descriptor, abi_major, 12);
AT(baton_plugin_descriptor, abi_minor, 14);
AT(baton_plugin_descriptor, name, 16);
AT(baton_plugin_descriptor, version, 32);
AT(baton_plugin_descriptor, build_id, 48);
AT(baton_plugin_descriptor, parameters, 64);
AT(baton_plugin_descriptor, parameter_count, 72);
AT(baton_plugin_descriptor, parameter_size, 76);
AT(baton_plugin_descriptor, metrics, 80);
AT(baton_plugin_descriptor, metric_count, 88);
AT(baton_plugin_descriptor, metric_size, 92);
AT(baton_plugin_descriptor, flags, 96);
AT(baton_plugin_descriptor, create, 104);
AT(baton_plugin_descriptor, run, 112);
AT(baton_plugin_descriptor, stop, 120);
AT(baton_plugin_descriptor, destroy, 128);

IS(BATON_TYPE_TEXT, 1);
IS(BATON_TYPE_INTEGER, 2);
IS(BATON_TYPE_NUMBER, 3);
IS(BATON_TYPE_BOOLEAN, 4);
IS(BATON_TYPE_DURATION, 5);
IS(BATON_TYPE_LIST, 6);
IS(BATON_TYPE_MAP, 7);

IS(BATON_PARAMETER_REQUIRED, 1);
IS(BATON_PARAMETER_SECRET, 2);
IS(BATON_PARAMETER_HAS_DEFAULT, 4);
IS(BATON_PARAMETER_HAS_MINIMUM, 8);
IS(BATON_PARAMETER_HAS_MAXIMUM, 16);

IS(BATON_METRIC_COUNTER, 1);
IS(BATON_METRIC_GAUGE, 2);
IS(BATON_METRIC_HISTOGRAM, 3);

IS(BATON_LOG_DEBUG, 1);
IS(BATON_LOG_INFO, 2);
IS(BATON_LOG_WARNING, 3);
IS(BATON_LOG_ERROR, 4);

IS(BATON_STATUS_OK, 1);
IS(BATON_STATUS_FAILED, 2);

IS(BATON_OUTCOME_SUCCESS, 1);
IS(BATON_OUTCOME_FAILURE, 2);
IS(BATON_OUTCOME_RETRY_LATER, 3);
IS(BATON_OUTCOME_SKIPPED, 4);
IS(BATON_OUTCOME_CANCELLED, 5);

IS(BATON_PLUGIN_USES_STORE, 1);
