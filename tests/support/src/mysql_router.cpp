#include "baton/testing/mysql_router.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

#include "baton/testing/private_server.hpp"

namespace baton::testing {

namespace fs = std::filesystem;

result<std::unique_ptr<mysql_router>> mysql_router::start(const std::vector<route>& routes) {
  std::string folder = fs::temp_directory_path() / "baton-router-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return failure{errc::io, "no folder " + folder};
  std::unique_ptr<mysql_router> made{new mysql_router{folder}};
  for (const auto* name : {"data", "run", "log"}) fs::create_directory(made->folder_ / name);
  const auto file = folder + "/router.conf";
  std::ofstream out{file};
  out << "[DEFAULT]\nlogging_folder=" << folder << "/log\nruntime_folder=" << folder << "/run\ndata_folder=" << folder
      << "/data\nplugin_folder=" << (private_server::mysql_folder() / "usr/lib/mysqlrouter/plugin").string()
      << "\n[logger]\nlevel=INFO\n[connection_pool]\nmax_idle_server_connections=8\n";
  for (const auto& r : routes) {
    out << "[routing:" << r.name << "]\nbind_address=127.0.0.1\nbind_port=" << r.port << "\ndestinations=127.0.0.1:" << r.destination
        << "\nrouting_strategy=first-available\nprotocol=classic\n"
        << r.settings;
  }
  out.close();
  auto command = private_server::mysql_program("bin/mysqlrouter");
  command.insert(command.end(), {"-c", file});
  if (::geteuid() == 0) command.emplace_back("--user=root");
  auto started = child_process::start({command, {}, folder + "/output"});
  if (!started) return started.error();
  made->process_ = std::move(*started);
  return made;
}

mysql_router::~mysql_router() {
  process_.reset();
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void mysql_router::terminate() noexcept { process_->signal(SIGTERM); }

std::string mysql_router::logs() const { return process_->output() + read_text(folder_ / "log/mysqlrouter.log"); }

}  // namespace baton::testing
