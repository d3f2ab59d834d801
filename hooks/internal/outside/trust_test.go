package outside

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What others could have written is not trusted, wherever on the way they could.
func TestCheckFile(t *testing.T) {
	for _, row := range []struct {
		name, want string
		prepare    func(dir string) error
	}{
		{"program", "", func(string) error { return nil }},
		{"link", "", func(d string) error { return os.Symlink("d/../program", d+"/link") }},
		{"absolute", "", func(d string) error { return os.Symlink(d+"/d/inner", d+"/absolute") }},
		{"program", "others than its owner can write DIR/program", func(d string) error { return os.Chmod(d+"/program", 0o757) }},
		{"program", "is not executable", func(d string) error { return os.Chmod(d+"/program", 0o644) }},
		{"d/inner", "others than its owner can write DIR/d", func(d string) error { return os.Chmod(d+"/d", 0o757) }},
		{"d/inner", "", func(d string) error { return os.Chmod(d+"/d", 0o777|os.ModeSticky) }},
		{"link", "others than its owner can write DIR/d", func(d string) error {
			if err := os.Symlink("d/inner", d+"/link"); err != nil {
				return err
			}
			return os.Chmod(d+"/d", 0o757)
		}},
		{"a", "too many levels of symbolic links", func(d string) error {
			if err := os.Symlink("b", d+"/a"); err != nil {
				return err
			}
			return os.Symlink("a", d+"/b")
		}},
		{"d", "DIR/d is not a file", func(string) error { return nil }},
		{"none", "no such file", func(string) error { return nil }},
		{"program/x", "not a directory", func(string) error { return nil }},
	} {
		dir := t.TempDir()
		if err := os.Mkdir(dir+"/d", 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"program", "d/inner"} {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := row.prepare(dir); err != nil {
			t.Fatal(err)
		}
		err := CheckFile(filepath.Join(dir, row.name))
		if want := strings.ReplaceAll(row.want, "DIR", dir); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", row.name, err, want)
		}
	}
	if err := CheckFile("bin/sh"); err == nil {
		t.Error("a path that is not absolute is trusted")
	}
	if err := CheckFile("/bin/sh"); err != nil {
		t.Errorf("/bin/sh: %v", err)
	}
}

// What belongs to others is not trusted, nor what a link of theirs leads to. Only
// root can give files away.
func TestCheckOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("not root: owners are not tried")
		return
	}
	dir := t.TempDir()
	for _, name := range []string{"program", "foreign"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("program", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"foreign", "link"} {
		if err := os.Lchown(filepath.Join(dir, name), 12345, 0); err != nil {
			t.Fatal(err)
		}
		if err := CheckFile(filepath.Join(dir, name)); err == nil || !strings.Contains(err.Error(), "belongs to user 12345") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The members of a group can write what their group can; those of root's are root.
	if err := os.Chmod(dir+"/program", 0o775); err != nil {
		t.Fatal(err)
	}
	for gid, trusted := range map[int]bool{0: true, 54321: false} {
		if err := os.Chown(dir+"/program", 0, gid); err != nil {
			t.Fatal(err)
		}
		if err := CheckFile(dir + "/program"); (err == nil) != trusted {
			t.Errorf("group %d can write it: %v", gid, err)
		}
	}
}

func TestCheckDirectory(t *testing.T) {
	dir := t.TempDir()
	for mode, trusted := range map[os.FileMode]bool{0o755: true, 0o700: true, 0o757: false, 0o777 | os.ModeSticky: false} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		if err := CheckDirectory(dir); (err == nil) != trusted {
			t.Errorf("%v: %v", mode, err)
		}
	}
	if err := CheckDirectory("/bin/sh"); err == nil {
		t.Error("a file is a directory")
	}
}
