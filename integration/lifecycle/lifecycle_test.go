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
)

const (
	name     = "ganeti-autorepair"
	program  = "/usr/sbin/ganeti-autorepair"
	hook     = "/etc/ganeti/hooks/watcher/ganeti-autorepair"
	settings = "/etc/ganeti/autorepair.toml"
	log      = "/var/log/ganeti-autorepair/ganeti-autorepair.log"
	lock     = "/var/lock/ganeti-autorepair.lock"
	master   = "/var/lib/ganeti/ssconf_master_node"
	clone    = "/root/clone"
)

// The variables that tell the tests of files outside.
const (
	sourceVariable = "AUTOREPAIR_SOURCE" // a tar archive of the repository's files
	sameVariable   = "AUTOREPAIR_SAME"   // a package that the one built here has to be equal to; may be empty
)

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
	for _, path := range []string{log, lock} {
		if exists(path) {
			t.Errorf("%s there is %s", when, path)
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
		"-path", "/var/lib/systemd", "-prune", "-o", "-printf", "%p %m %u %g\n")
	lines := strings.Split(out, "\n")
	sort.Strings(lines)
	return strings.Join(lines, "\n")
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
		run(t, "/", "mkdir", clone)
		run(t, clone, "tar", "-xf", os.Getenv(sourceVariable))
		run(t, clone, "git", "init", "--quiet")
		run(t, clone, "git", "add", "--all")
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
		if same := os.Getenv(sameVariable); same != "" {
			for _, other := range []string{filepath.Base(deb), strings.Replace(filepath.Base(deb), name, name+"-dbgsym", 1)} {
				ours, theirs := read(t, filepath.Join(filepath.Dir(deb), other)), read(t, filepath.Join(same, other))
				if !bytes.Equal([]byte(ours), []byte(theirs)) {
					t.Errorf("%s was built to other bytes elsewhere", other)
				}
			}
		}
	})

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
		if out := run(t, "/", program, "--version"); out != name+" "+version+"\n" {
			t.Errorf("--version says %q, the package is %s", out, version)
		}
		for _, page := range [][]string{{"8", name}, {"5", name + ".toml"}} {
			run(t, "/", "test", "-e", fmt.Sprintf("/usr/share/man/man%s/%s.%s.gz", page[0], page[1], page[0]))
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
		write(t, lock, "1795400000 idle\n", 0o644)
		install(t, repack(t, deb, "0.2.0"))
		if text := read(t, settings); !strings.HasSuffix(text, "max_running = 3\n") || strings.Contains(text, "0.2.0") || mode(t, settings) != 0o600 {
			t.Errorf("the settings were changed to\n%s", text)
		}
		if text := read(t, hook); !strings.Contains(text, "0.2.0") {
			t.Errorf("the hook was not upgraded:\n%s", text)
		}
		if got := mode(t, hook); got != 0o644 {
			t.Errorf("the hook that was switched off has mode %o", got)
		}
		if got := watcher(t); got != "" {
			t.Errorf("the hook that was switched off ran: %q", got)
		}
		if read(t, log) != "what was\n" || read(t, lock) != "1795400000 idle\n" {
			t.Error("the log or the stamp was lost")
		}
		// One that was deleted stays deleted.
		if err := os.Remove(hook); err != nil {
			t.Fatal(err)
		}
		install(t, repack(t, deb, "0.3.0"))
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
	})

	// Whatever is left of the hook does nothing.
	step("remove", func(t *testing.T) {
		pristine := read(t, hook)
		run(t, "/", "dpkg", "--remove", name)
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
