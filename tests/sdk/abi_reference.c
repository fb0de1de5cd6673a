/* A shared object through which abidiff sees every structure of the ABI. What it exports is compared with abi_baseline.abi. */
#include "baton/sdk/abi.h"

BATON_EXPORT void see_value(const baton_value* value);
BATON_EXPORT void see_extensions(const baton_lease* lease, const baton_store* store);

void see_value(const baton_value* value) { (void)value; }
void see_extensions(const baton_lease* lease, const baton_store* store) {
  (void)lease;
  (void)store;
}

const baton_plugin_descriptor* baton_plugin_entry(void) {
  static const baton_plugin_descriptor descriptor;
  return &descriptor;
}
