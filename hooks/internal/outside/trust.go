package outside

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxLinks bounds the symbolic links on the way to a file, as the kernel does.
const maxLinks = 40

// CheckFile returns an error unless the file is an executable program that only
// root, or the user who runs this process, can have written: the file itself, every
// directory on the way to it and every symbolic link.
func CheckFile(path string) error {
	info, err := check(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", path)
	}
	if info.Mode().Perm()&0o111 == 0 {
		return fmt.Errorf("%s is not executable", path)
	}
	return nil
}

// CheckDirectory returns an error unless only root, or the user who runs this
// process, can have put files into the directory.
func CheckDirectory(path string) error {
	info, err := check(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", path)
	}
	if info.Mode()&os.ModeSticky != 0 && info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("others than its owner can write %s", path)
	}
	return nil
}

// check walks to a path from the root directory and returns what is there.
func check(path string) (os.FileInfo, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("%s is not an absolute path", path)
	}
	at, links := "/", 0
	rest := split(path)
	info, err := checkOne(at)
	for err == nil && len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		if name == ".." {
			at = filepath.Dir(at)
			info, err = checkOne(at)
			continue
		}
		next := filepath.Join(at, name)
		if info, err = checkOne(next); err != nil {
			break
		}
		if info.Mode()&os.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return nil, fmt.Errorf("%s: %w", path, syscall.ELOOP)
		}
		var target string
		if target, err = os.Readlink(next); err != nil {
			break
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(split(target), rest...)
		info, err = checkOne(at)
	}
	return info, err
}

func split(path string) []string {
	var list []string
	for _, name := range strings.Split(path, "/") {
		if name != "" && name != "." {
			list = append(list, name)
		}
	}
	return list
}

// checkOne checks one file, directory or symbolic link. A directory that others
// can write is as good as any if it is sticky, as /tmp is: what is in it belongs
// to whom it says, and nobody else can replace it.
func checkOne(path string) (os.FileInfo, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, errors.New(path + ": its owner is not known")
	}
	if s.Uid != 0 && int(s.Uid) != os.Geteuid() {
		return nil, fmt.Errorf("%s belongs to user %d", path, s.Uid)
	}
	if info.Mode()&os.ModeSymlink != 0 {
		return info, nil // its mode means nothing
	}
	others := info.Mode().Perm() & 0o022
	if s.Gid == 0 {
		others &= 0o002 // the members of root's group may do what root may
	}
	if others != 0 && !(info.IsDir() && info.Mode()&os.ModeSticky != 0) {
		return nil, fmt.Errorf("others than its owner can write %s", path)
	}
	return info, nil
}
