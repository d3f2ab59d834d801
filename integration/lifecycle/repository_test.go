//go:build lifecycle

package lifecycle_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	signer  = "signer@example.com"
	sources = "/etc/apt/sources.list.d/autorepair.sources"
	keyring = "/etc/apt/keyrings/ganeti-autorepair.asc"
)

// repository is a signed apt repository that "make repository" has made.
type repository struct {
	dir, suite, url string
}

// newRepository makes a key and a web server.
func newRepository(t *testing.T) *repository {
	t.Helper()
	t.Setenv("GNUPGHOME", t.TempDir())
	run(t, "/", "gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", signer, "ed25519", "sign", "1d")
	t.Cleanup(func() { _ = exec.Command("gpgconf", "--kill", "gpg-agent").Run() })
	r := &repository{dir: t.TempDir() + "/repository"}
	r.suite = strings.TrimSpace(run(t, "/", "bash", "-c", ". /etc/os-release && echo $VERSION_CODENAME"))
	server := httptest.NewServer(http.FileServer(http.Dir(r.dir)))
	t.Cleanup(server.Close)
	r.url = server.URL
	// apt's own user is to read it.
	run(t, "/", "chmod", "755", filepath.Dir(r.dir), filepath.Dir(filepath.Dir(r.dir)))
	return r
}

// add adds a package, and another one to the other suite.
func (r *repository) add(t *testing.T, deb string) {
	t.Helper()
	packages := t.TempDir()
	for _, suite := range []string{"bookworm", "trixie"} {
		write(t, packages+"/"+suite+"/"+filepath.Base(deb), read(t, deb), 0o644)
	}
	run(t, clone, "make", "repository", "GPGKEY="+signer, "REPOSITORY="+r.dir, "PACKAGES="+packages)
}

// use makes this machine use the repository, with the lines of the README.
func (r *repository) use(t *testing.T, url string) {
	t.Helper()
	lines := regexp.MustCompile("(?s)```\n(Types: deb\n.*?)```").FindStringSubmatch(read(t, clone+"/README.md"))
	if lines == nil || !strings.Contains(lines[1], "Signed-By: "+keyring+"\n") {
		t.Fatal("the README does not show what a node needs")
	}
	text := regexp.MustCompile(`(?m)^URIs: .*`).ReplaceAllString(lines[1], "URIs: "+url)
	text = regexp.MustCompile(`(?m)^Suites: .*`).ReplaceAllString(text, "Suites: "+r.suite)
	write(t, sources, text, 0o644)
	write(t, keyring, read(t, r.dir+"/ganeti-autorepair.asc"), 0o644)
}

// update reads the indexes of this repository alone; those of Debian are out of reach.
func update() (string, error) {
	out, err := exec.Command("apt-get", "update", "--error-on=any", "-o", "Dir::Etc::sourcelist="+sources, "-o", "Dir::Etc::sourceparts=-",
		"-o", "Acquire::http::Proxy=DIRECT").CombinedOutput()
	return string(out), err
}

func mustUpdate(t *testing.T) {
	t.Helper()
	if out, err := update(); err != nil {
		t.Fatalf("apt-get update: %v\n%s", err, out)
	}
}

// apt runs apt-get as an administrator does who keeps what he changed.
func apt(t *testing.T, args ...string) {
	t.Helper()
	run(t, "/", append([]string{"apt-get", "-y", "-o", "Dir::Etc::sourcelist=" + sources, "-o", "Dir::Etc::sourceparts=-",
		"-o", "Acquire::http::Proxy=DIRECT", "-o", "Dpkg::Options::=--force-confold", "-o", "Dpkg::Options::=--force-confdef"}, args...)...)
}

func installedVersion(t *testing.T) string {
	t.Helper()
	return run(t, "/", "dpkg-query", "-W", "-f", "${Version}", name)
}

// tamper changes the repository as somebody would who does not have the key, wants apt
// to refuse it, and puts it back.
func (r *repository) tamper(t *testing.T, what, file string, change func(string) string) {
	t.Helper()
	path := r.dir + "/" + strings.ReplaceAll(file, "SUITE", r.suite)
	matches, _ := filepath.Glob(path)
	if len(matches) == 0 {
		t.Fatalf("%s: there is no %s", what, path)
	}
	before := make(map[string]string)
	for _, m := range matches {
		before[m] = read(t, m)
		if changed := change(before[m]); changed != before[m] {
			write(t, m, changed, 0o644)
		} else {
			t.Fatalf("%s: nothing to change in %s", what, m)
		}
	}
	run(t, "/", "bash", "-c", "rm -rf /var/lib/apt/lists/* && apt-get clean")
	out, err := update()
	if err == nil {
		out2, err2 := exec.Command("apt-get", "-y", "-o", "Dir::Etc::sourcelist="+sources, "-o", "Dir::Etc::sourceparts=-", "-o", "Acquire::http::Proxy=DIRECT", "install", name).CombinedOutput()
		out, err = out+string(out2), err2
	}
	if err == nil || exists(program) {
		t.Errorf("%s: apt did not refuse it:\n%s", what, out)
	}
	for m, text := range before {
		write(t, m, text, 0o644)
	}
}

// A node installs the package from a repository, refuses one that somebody else has
// changed, upgrades, removes and purges.
func TestRepository(t *testing.T) {
	found, _ := filepath.Glob(clone + "/build/deb/ganeti-autorepair_*.deb")
	if len(found) != 1 {
		t.Fatalf("TestLifecycle has built %v", found)
	}
	run(t, "/", "dpkg", "--purge", name)
	before := files(t)
	r := newRepository(t)
	r.add(t, oldVersion(t, found[0]))

	// The file system will do as well as a web server.
	for _, url := range []string{"file:" + r.dir, r.url} {
		r.use(t, url)
		mustUpdate(t)
		apt(t, "install", name)
		if got := installedVersion(t); !strings.HasPrefix(got, "0.1.0") {
			t.Errorf("%s: installed is %s", url, got)
		}
		apt(t, "purge", name)
	}

	r.tamper(t, "another index", "dists/SUITE/main/binary-*/by-hash/*/*", func(s string) string { return s + "\n" })
	r.tamper(t, "another InRelease", "dists/SUITE/InRelease", func(s string) string { return strings.Replace(s, "Codename: ", "Description: x\nCodename: ", 1) })
	r.tamper(t, "another package", "pool/SUITE/*.deb", func(s string) string { return s[:len(s)-1] + string(s[len(s)-1]^1) })
	// Signed with another key, all of it.
	own := os.Getenv("GNUPGHOME")
	t.Run("another key", func(t *testing.T) {
		other := newRepository(t)
		other.add(t, oldVersion(t, found[0]))
		r.use(t, other.url)
		run(t, "/", "bash", "-c", "rm -rf /var/lib/apt/lists/*")
		if out, err := update(); err == nil {
			t.Errorf("apt did not refuse the signature of somebody else:\n%s", out)
		}
	})
	if os.Getenv("GNUPGHOME") != own {
		t.Fatal("GNUPGHOME")
	}

	r.use(t, r.url)
	run(t, "/", "bash", "-c", "rm -rf /var/lib/apt/lists/* && apt-get clean")
	mustUpdate(t)
	apt(t, "install", name)
	upgrade := func() {
		oldLogs(t)
		r.add(t, found[0])
		mustUpdate(t)
		apt(t, "install", "--only-upgrade", name)
		if got := installedVersion(t); !strings.HasPrefix(got, "0.2.0-1") {
			t.Errorf("after the upgrade %s is installed", got)
		}
		logsForAdm(t)
	}
	upgradeWithRepairs(t, upgrade)
	// What was published stays available.
	if out := run(t, "/", "apt-cache", "madison", name); !strings.Contains(out, "0.1.0") {
		t.Errorf("0.1.0 is gone:\n%s", out)
	}

	apt(t, "remove", name)
	if exists(program) || !exists(hook) {
		t.Error("remove is to leave the conffiles, and nothing else")
	}
	apt(t, "purge", name)
	for _, path := range []string{sources, keyring} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if after := files(t); after != before {
		write(t, "/root/before", before, 0o644)
		write(t, "/root/after", after, 0o644)
		diff, _ := exec.Command("diff", "/root/before", "/root/after").CombinedOutput()
		t.Errorf("after the purge the machine is another one than before the installation:\n%s", diff)
	}
	install(t, found[0]) // for what is tried next
}

// oldLogs makes logs as version 0.1.0 made them, for root alone, and one that somebody
// has given to another group.
func oldLogs(t *testing.T) {
	t.Helper()
	for _, path := range []string{log, log + ".1", log + ".2"} {
		write(t, path, "of 0.1.0\n", 0o640)
	}
	run(t, "/", "chown", "-R", "root:root", filepath.Dir(log))
	run(t, "/", "chgrp", "staff", log+".2")
}

// logsForAdm wants the logs of oldLogs to be for the group adm after an upgrade, and the
// one of another group as it was.
func logsForAdm(t *testing.T) {
	t.Helper()
	for path, want := range map[string]string{filepath.Dir(log): "adm", log: "adm", log + ".1": "adm", log + ".2": "staff"} {
		if got := run(t, "/", "stat", "--format", "%U:%G", path); got != "root:"+want+"\n" {
			t.Errorf("after the upgrade %s belongs to %s", path, got)
		}
	}
	if got := mode(t, log); got != 0o640 {
		t.Errorf("after the upgrade the log has mode %o", got)
	}
}

// oldVersion returns the package of version 0.1.0: built from the sources of then if
// they are given, or else this package with another version.
func oldVersion(t *testing.T, deb string) string {
	t.Helper()
	if old := os.Getenv(oldSourceVariable); old != "" {
		found, _ := filepath.Glob("/root/old/build/deb/ganeti-autorepair_*.deb")
		if len(found) == 0 {
			run(t, "/", "mkdir", "-p", "/root/old")
			run(t, "/root/old", "tar", "-xf", old)
			run(t, "/root/old", "git", "init", "--quiet")
			run(t, "/root/old", "git", "add", "--all")
			run(t, "/root/old", "env", "DEB_BUILD_OPTIONS=nocheck", "make", "deb")
			found, _ = filepath.Glob("/root/old/build/deb/ganeti-autorepair_*.deb")
		}
		if len(found) != 1 {
			t.Fatalf("built of 0.1.0: %v", found)
		}
		return found[0]
	}
	made := repack(t, deb, "0.1.0")
	named := t.TempDir() + "/" + name + "_0.1.0_amd64.deb"
	write(t, named, read(t, made), 0o644)
	return named
}

// oldSourceVariable names a tar archive of the files of version 0.1.0.
const oldSourceVariable = "AUTOREPAIR_OLD_SOURCE"
