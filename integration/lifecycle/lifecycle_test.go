//go:build lifecycle

package lifecycle_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	name     = "ganeti-autorepair"
	program  = "/usr/sbin/ganeti-autorepair"
	hook     = "/etc/ganeti/hooks/watcher/ganeti-autorepair"
	settings = "/etc/ganeti/autorepair.toml"
	log      = "/var/log/ganeti-autorepair/ganeti-autorepair.log"
	stamp    = "/var/run/ganeti-autorepair/last-pass"
	master   = "/var/lib/ganeti/ssconf_master_node"
	clone    = "/root/clone"
)

// sourceVariable names a tar archive of the repository's files.
const sourceVariable = "AUTOREPAIR_SOURCE"

func TestMain(m *testing.M) {
	if _, err := os.Stat("/etc/throwaway"); err != nil || os.Getenv(sourceVariable) == "" {
		fmt.Fprintf(os.Stderr, "this runs in a throwaway system (integration/system/run), with %s set: make check-package\n", sourceVariable)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// run runs a command and returns all it says.
func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// watcher runs the hooks with the very code of ganeti-watcher, and returns what
// became of ours: "" if it did not run, "0" or another exit status, and what it
// said.
func watcher(t *testing.T) string {
	t.Helper()
	const script = `
from ganeti import utils, constants
for relname, status, result in utils.RunParts("/etc/ganeti/hooks/watcher"):
  if status == constants.RUNPARTS_RUN:
    print(relname, result.exit_code, result.output.strip())
  elif status == constants.RUNPARTS_ERR:
    print(relname, "error", result)
`
	cmd := exec.Command("python3", "-c", script)
	cmd.Env = append(os.Environ(), "PYTHONPATH=/usr/share/ganeti/default", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("ganeti's RunParts: %v\n%s", err, out)
	}
	return strings.TrimPrefix(strings.TrimSpace(string(out)), name+" ")
}

// quiet wants that the watcher's hooks do nothing and say nothing.
func quiet(t *testing.T, when string, want string) {
	t.Helper()
	if got := watcher(t); got != want {
		t.Errorf("%s the hook ended with %q, want %q", when, got, want)
	}
	for _, path := range []string{log, stamp} {
		if exists(path) {
			t.Errorf("%s there is %s", when, path)
		}
	}
}

// unpack makes a new repository of the files.
func unpack(t *testing.T, dir string) {
	t.Helper()
	run(t, "/", "mkdir", "-p", dir)
	run(t, dir, "tar", "-xf", os.Getenv(sourceVariable))
	run(t, dir, "git", "init", "--quiet")
	run(t, dir, "git", "add", "--all")
}

// buildElsewhere builds the package once more: elsewhere, with nothing but
// Debian's own Go in PATH and everything else in the environment that could make
// a difference.
func buildElsewhere(t *testing.T, deb string) {
	const dir = "/var/tmp/elsewhere/clone"
	defer os.RemoveAll(filepath.Dir(dir))
	unpack(t, dir)
	cmd := exec.Command("bash", "-c", "umask 077 && make deb deb-source")
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/nonexistent", "TZ=Asia/Tokyo", "LC_ALL=C", "DEB_BUILD_OPTIONS=nocheck",
		"GOROOT=/nonexistent", "GO111MODULE=on", "GOFLAGS=-mod=vendor", "CGO_ENABLED=0", "GOPATH=/nonexistent",
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make deb: %v\n%s", err, out)
	}
	for _, file := range []string{filepath.Base(deb), strings.Replace(filepath.Base(deb), name, name+"-dbgsym", 1)} {
		if read(t, filepath.Join(filepath.Dir(deb), file)) != read(t, filepath.Join(dir, "build/deb", file)) {
			t.Errorf("%s was built to other bytes", file)
		}
	}
	sources, _ := filepath.Glob(clone + "/build/deb-source/*.tar.?z")
	if len(sources) != 2 {
		t.Errorf("the source package consists of %v", sources)
	}
	for _, file := range sources {
		if read(t, file) != read(t, filepath.Join(dir, "build/deb-source", filepath.Base(file))) {
			t.Errorf("%s was made to other bytes", file)
		}
	}
}

// installing are the commands that the README shows for it.
func installing(t *testing.T) []string {
	t.Helper()
	_, part, found := strings.Cut(read(t, clone+"/README.md"), "\n## Installing\n")
	part, _, ended := strings.Cut(part, "\n## ")
	commands := regexp.MustCompile(`(?m)^# (.*)$`).FindAllStringSubmatch(part, -1)
	if !found || !ended || len(commands) == 0 {
		t.Fatal("the README does not say how to install")
	}
	var list []string
	for _, c := range commands {
		list = append(list, c[1])
	}
	return list
}

// files lists all files of the machine but those of packages' own book-keeping.
func files(t *testing.T) string {
	t.Helper()
	out := run(t, "/", "find", "/", "-xdev", "-path", "/root", "-prune", "-o", "-path", "/var/lib/dpkg", "-prune", "-o",
		"-path", "/var/cache", "-prune", "-o", "-path", "/var/log/apt", "-prune", "-o", "-path", "/var/lib/apt", "-prune", "-o",
		"-path", "/var/lib/systemd", "-prune", "-o", "-path", "/var/log/dpkg.log", "-prune", "-o", "-printf", "%p %m %u %g\n")
	lines := strings.Split(out, "\n")
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// manual wants a page that man shows without a warning, in 80 columns.
func manual(t *testing.T, path string) {
	t.Helper()
	cmd := exec.Command("man", "--warnings", "--local-file", path)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANWIDTH=80")
	var text, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &complaints
	if err := cmd.Run(); err != nil || complaints.Len() > 0 || text.Len() < 1000 {
		t.Errorf("man %s: %v, %d bytes\n%s", path, err, text.Len(), complaints.String())
	}
	for _, line := range strings.Split(text.String(), "\n") {
		if utf8.RuneCountInString(line) > 80 {
			t.Errorf("%s: more than 80 columns: %s", path, line)
		}
	}
	if out, err := exec.Command("mandoc", "-T", "lint", path).CombinedOutput(); err != nil {
		t.Errorf("mandoc -T lint %s: %v\n%s", path, err, out)
	}
}

// repack makes a package of a new version with other conffiles.
func repack(t *testing.T, deb, version string) string {
	t.Helper()
	dir := t.TempDir()
	run(t, dir, "dpkg-deb", "-R", deb, "new")
	control := regexp.MustCompile(`(?m)^Version: .*$`).ReplaceAllString(read(t, dir+"/new/DEBIAN/control"), "Version: "+version)
	write(t, dir+"/new/DEBIAN/control", control, 0o644)
	for _, file := range []string{hook, settings} {
		write(t, dir+"/new"+file, read(t, dir+"/new"+file)+"# of "+version+"\n", mode(t, dir+"/new"+file))
	}
	run(t, dir, "dpkg-deb", "-Zgzip", "-z1", "-b", "new", "new.deb")
	return dir + "/new.deb"
}

// install installs a package as an administrator does who keeps what he changed.
func install(t *testing.T, deb string) {
	t.Helper()
	if out := run(t, "/", "dpkg", "--install", "--force-confdef", "--force-confold", deb); strings.Contains(out, "rror:") {
		t.Errorf("dpkg said\n%s", out)
	}
}

// The steps build on one another.
func TestLifecycle(t *testing.T) {
	if exists(program) {
		t.Fatal("the package is installed already")
	}
	var deb, before string
	step := func(what string, f func(t *testing.T)) {
		if !t.Run(what, f) {
			t.FailNow()
		}
	}

	step("what the README says", func(t *testing.T) {
		unpack(t, clone)
		before = files(t)
		for _, command := range installing(t) {
			out := run(t, clone, "bash", "-c", command+" </dev/null")
			if strings.HasPrefix(command, "apt-get install") && regexp.MustCompile(`(?i)warning|error|fail`).MatchString(out) {
				t.Errorf("# %s\n%s", command, out)
			}
		}
		found, _ := filepath.Glob(clone + "/build/deb/ganeti-autorepair_*.deb")
		if len(found) != 1 {
			t.Fatalf("built packages: %v", found)
		}
		deb = found[0]
	})

	step("lintian", func(t *testing.T) {
		run(t, clone, "make", "deb-source")
		for _, pattern := range []string{"build/deb/*.changes", "build/deb-source/*.changes"} {
			found, _ := filepath.Glob(clone + "/" + pattern)
			if len(found) != 1 {
				t.Fatalf("%s: %v", pattern, found)
			}
			cmd := exec.Command("lintian", "--pedantic", "--display-info", "--display-experimental", found[0])
			if out, err := cmd.Output(); err != nil || len(out) > 0 {
				t.Errorf("%v\n%sA misspelt word that no source has goes into packaging/debian/accidental-words.", err, out)
			}
		}
	})
	step("links", func(t *testing.T) { links(t, deb) })
	if strings.Contains(read(t, "/etc/os-release"), "VERSION_CODENAME=bookworm") {
		step("the same bytes elsewhere", func(t *testing.T) { buildElsewhere(t, deb) })
	}

	step("installed", func(t *testing.T) {
		if out := run(t, "/", "dpkg", "--verify", name); out != "" {
			t.Errorf("dpkg --verify: %s", out)
		}
		for path, want := range map[string]os.FileMode{program: 0o755, hook: 0o755, settings: 0o644, "/etc/logrotate.d/" + name: 0o644} {
			if got := mode(t, path); got != want {
				t.Errorf("%s has mode %o, want %o", path, got, want)
			}
		}
		version := strings.Fields(run(t, "/", "dpkg-query", "-W", "-f", "${Version}", name))[0]
		if out := run(t, "/", program, "--version"); out != name+" "+strings.Split(version, "-")[0]+"\n" {
			t.Errorf("--version says %q, the package is %s", out, version)
		}
		for _, page := range []string{"man8/" + name + ".8", "man5/" + name + ".toml.5"} {
			manual(t, "/usr/share/man/"+page+".gz")
		}
		// The examples are there, and as they were.
		doc := "/usr/share/doc/" + name
		for _, file := range []string{"examples/autorepair.rules.yml", "examples/grafana-dashboard.json", "schema/status.json", "schema/event.json"} {
			read(t, doc+"/"+file)
		}
		for _, file := range []string{"examples/fence-ipmi", "examples/event-mail", "examples/rolling-reboot"} {
			if got := mode(t, doc+"/"+file); got != 0o755 {
				t.Errorf("%s has mode %o", file, got)
			}
		}
		if out := run(t, "/", program, "status", "--snapshot", doc+"/examples/bad-day.json"); !strings.Contains(out, "12 instances, ") {
			t.Errorf("status --snapshot says\n%s", out)
		}
		// Before Ganeti is configured, and on a node that is not the master.
		quiet(t, "without a cluster", "0")
		write(t, master, "another.example.com\n", 0o444)
		quiet(t, "on a node that is not the master", "0")
	})

	step("upgrade with local changes", func(t *testing.T) {
		write(t, settings, read(t, settings)+"max_running = 3\n", 0o600)
		if err := os.Chmod(hook, 0o644); err != nil {
			t.Fatal(err)
		}
		write(t, log, "what was\n", 0o640)
		if err := os.MkdirAll(filepath.Dir(stamp), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, stamp, "1795400000 idle\n", 0o600)
		install(t, repack(t, deb, "0.3.0"))
		if text := read(t, settings); !strings.HasSuffix(text, "max_running = 3\n") || strings.Contains(text, "0.3.0") || mode(t, settings) != 0o600 {
			t.Errorf("the settings were changed to\n%s", text)
		}
		if text := read(t, hook); !strings.Contains(text, "0.3.0") {
			t.Errorf("the hook was not upgraded:\n%s", text)
		}
		if got := mode(t, hook); got != 0o644 {
			t.Errorf("the hook that was switched off has mode %o", got)
		}
		if got := watcher(t); got != "" {
			t.Errorf("the hook that was switched off ran: %q", got)
		}
		if read(t, log) != "what was\n" || read(t, stamp) != "1795400000 idle\n" {
			t.Error("the log or the stamp was lost")
		}
		// One that was deleted stays deleted.
		if err := os.Remove(hook); err != nil {
			t.Fatal(err)
		}
		install(t, repack(t, deb, "0.4.0"))
		if exists(hook) {
			t.Error("the hook that was deleted is back")
		}
		install(t, deb) // a downgrade
		run(t, "/", "dpkg", "--install", "--force-confmiss", deb)
		if got := watcher(t); got != "0" {
			t.Errorf("the hook that was restored: %q", got)
		}
	})

	step("log rotation", func(t *testing.T) {
		out := run(t, "/", "logrotate", "--verbose", "--force", "--state", "/root/logrotate", "/etc/logrotate.d/ganeti", "/etc/logrotate.d/"+name)
		if strings.Contains(out, "rror:") {
			t.Errorf("logrotate says\n%s", out)
		}
		if read(t, log+".1") != "what was\n" {
			t.Error("the log was not rotated")
		}
		if got := run(t, "/", "stat", "--format", "%a %U:%G", log); got != "640 root:adm\n" {
			t.Errorf("the new log has %s", got)
		}
	})

	// Whatever is left of the hook does nothing.
	step("remove", func(t *testing.T) {
		pristine := read(t, hook)
		const metrics = "/root/autorepair.prom"
		write(t, settings, read(t, settings)+"metrics_file = \""+metrics+"\"\n", 0o600)
		write(t, metrics, "# of the last pass\n", 0o644)
		run(t, "/", "dpkg", "--remove", name)
		if exists(metrics) {
			t.Error("the metrics are left")
		}
		if exists(program) || !exists(hook) || !exists(settings) {
			t.Error("remove is to leave the conffiles, and nothing else")
		}
		if got := watcher(t); got != "0" {
			t.Errorf("after the removal the hook ended with %q", got)
		}
		write(t, master, "throwaway\n", 0o444)
		for what, text := range map[string]string{
			"changed":  strings.Replace(pristine, "--from-watcher", "--from-watcher --config=/etc/other.toml", 1),
			"upgraded": pristine + "# of another version\n",
		} {
			write(t, hook, text, 0o755)
			write(t, hook+".dpkg-dist", pristine, 0o755)
			write(t, hook+".dpkg-old", pristine, 0o755)
			if got := watcher(t); got != "0" {
				t.Errorf("after the removal the %s hook ended with %q", what, got)
			}
		}
		write(t, hook, pristine, 0o755)
		if err := os.Remove(settings); err != nil {
			t.Fatal(err)
		}
		if got := watcher(t); got != "0" {
			t.Errorf("after the removal, without settings, the hook ended with %q", got)
		}
	})

	step("purge", func(t *testing.T) {
		run(t, "/", "dpkg", "--purge", name)
		if err := os.Remove(master); err != nil {
			t.Fatal(err)
		}
		if exists(stamp) { // which is on a file system of its own
			t.Error("the stamp is left")
		}
		after := files(t)
		if after != before {
			write(t, "/root/before", before, 0o644)
			write(t, "/root/after", after, 0o644)
			diff, _ := exec.Command("diff", "/root/before", "/root/after").CombinedOutput()
			t.Errorf("after the purge the machine is another one than before the installation:\n%s", diff)
		}
	})

	step("again", func(t *testing.T) {
		install(t, deb)
		quiet(t, "installed again", "0")
	})
}
