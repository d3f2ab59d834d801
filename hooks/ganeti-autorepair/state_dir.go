package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// stateDir is the path of the directory for what a node remembers between two
// passes: the lock of passes, the stamp of the last pass, the flags of the nodes
// and the last reasons. Only root can enter it (W6), so that nobody else can take
// the lock. Losing it loses nothing.
type stateDir string

// open creates the directory if it is missing, makes it private and opens it.
// Anything else at its path is removed: only root can have put it there.
func (s stateDir) open() (*os.File, error) {
	path := string(s)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	if info, err := os.Lstat(path); err == nil && !info.IsDir() {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	dir, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := private(dir); err != nil {
		dir.Close()
		return nil, err
	}
	return dir, nil
}

// private makes the directory accessible to the user of this process alone.
func private(dir *os.File) error {
	info, err := dir.Stat()
	if err != nil {
		return err
	}
	if s, ok := info.Sys().(*syscall.Stat_t); !ok || int(s.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user", dir.Name())
	}
	if info.Mode().Perm() == 0o700 {
		return nil
	}
	if err := dir.Chmod(0o700); err != nil && !errors.Is(err, syscall.EROFS) {
		return err
	}
	return nil
}

// file returns the path of a file in the directory.
func (s stateDir) file(name string) string { return filepath.Join(string(s), name) }

// replaceFile writes a temporary file and renames it, so that a reader sees the old
// content or the new one. It leaves nothing behind if it fails, for example on a
// full disk.
func replaceFile(path string, data []byte, mode os.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // after the rename there is nothing to remove
	_, err = tmp.Write(data)
	if e := tmp.Chmod(mode); err == nil {
		err = e
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
