package main

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// groupFor returns a group that this user may give files to, and which is not the one
// that files have anyway, if there is such a group.
func groupFor(t *testing.T) *user.Group {
	t.Helper()
	ids, err := os.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		ids = []int{4, 1} // adm and daemon, in Debian
	}
	for _, id := range append(ids, os.Getegid()) {
		if group, err := user.LookupGroupId(strconv.Itoa(id)); err == nil && id != os.Getegid() {
			return group
		}
	}
	group, err := user.LookupGroupId(strconv.Itoa(os.Getegid()))
	if err != nil {
		t.Fatal(err)
	}
	return group
}

// The log and its directory are for root and the group, whatever the umask; what is
// there already stays as it is.
func TestLogIsForTheGroup(t *testing.T) {
	defer func(name string) { logGroup = name }(logGroup)
	const dir = "/var/log/ganeti-autorepair"
	const file = dir + "/ganeti-autorepair.log"
	group := groupFor(t)
	for _, tt := range []struct {
		name, group string
		dir, file   os.FileMode // what is there before, or 0
		gid         string      // what both then have
		dirIs, is   os.FileMode
	}{
		{"new", group.Name, 0, 0, group.Gid, 0o750, 0o640},
		{"no such group", "there-is-no-such-group", 0, 0, strconv.Itoa(os.Getegid()), 0o750, 0o640},
		{"there already", group.Name, 0o700, 0o604, strconv.Itoa(os.Getegid()), 0o700, 0o604},
	} {
		b := newBed(t, badNode)
		path := func(name string) string { return filepath.Join(b.root, name) }
		if tt.dir != 0 {
			b.write(file, "")
			if os.Chmod(path(file), tt.file) != nil || os.Chmod(path(dir), tt.dir) != nil {
				t.Fatal("chmod")
			}
		}
		logGroup = tt.group
		mask := syscall.Umask(0o077)
		b.want(0, 0, "", "run", "--from-watcher")
		syscall.Umask(mask)
		for name, want := range map[string]os.FileMode{dir: tt.dirIs, file: tt.is} {
			info, err := os.Stat(path(name))
			if err != nil {
				t.Fatal(err)
			}
			gid := strconv.Itoa(int(info.Sys().(*syscall.Stat_t).Gid))
			if info.Mode().Perm() != want || gid != tt.gid {
				t.Errorf("%s: %s has mode %o and group %s, want %o and %s", tt.name, name, info.Mode().Perm(), gid, want, tt.gid)
			}
		}
		if info, err := os.Stat(path(file)); err != nil || info.Size() == 0 {
			t.Errorf("%s: nothing is written to the log", tt.name)
		}
	}
}
