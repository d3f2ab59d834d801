package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// A pass writes a log, metrics, and what it remembers until the next pass. None of
// them is needed for repairs: a pass does without what it cannot write, and check
// and status say so, with the cause (W8).

// unwritable is something that passes cannot write on this node.
type unwritable struct {
	What string `json:"what"`
	Path string `json:"path"`
	Why  string `json:"why"`
}

func (n unwritable) String() string { return fmt.Sprintf("%s: %s", n.Path, n.Why) }

// unwritable returns what a pass could not write now. It changes nothing: the files
// that it tries with have no name, and are gone when they are closed.
func (e *env) unwritable(set settings) []unwritable {
	var list []unwritable
	add := func(what, path string, err error) {
		if err != nil && !otherUser(err) {
			list = append(list, unwritable{what, path, cause(err)})
		}
	}
	state := e.paths.state()
	if info, err := os.Stat(string(state)); err == nil && info.IsDir() {
		add("memory", string(state), tryDirectory(string(state)))
	}
	if set.log != "" {
		path := e.paths.in(set.log)
		add("log", path, tryLog(path))
	}
	if path := e.metricsPath(set); path != "" {
		add("metrics", path, tryDirectory(filepath.Dir(path)))
	}
	return list
}

// otherUser reports whether the error only says that this user may not do what root
// may. Passes are run by root.
func otherUser(err error) bool { return os.Geteuid() != 0 && errors.Is(err, fs.ErrPermission) }

// cause returns the text of an error without the path in it.
func cause(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// tryLog returns an error if no line can be added to the file.
func tryLog(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		f.Close()
		return tryDirectory(filepath.Dir(path))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// A pass makes the directories that are not there.
	dir := filepath.Dir(path)
	for {
		if _, err := os.Stat(dir); err == nil || !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return tryDirectory(dir)
		}
		dir = filepath.Dir(dir)
	}
}

// triedBytes is the room that there must be: for the reasons of some hundred
// instances, or as many lines of log.
const triedBytes = 64 << 10

// oTmpfile makes a file without a name in a directory (O_TMPFILE of Linux).
const oTmpfile = 0o20000000 | syscall.O_DIRECTORY

// tryDirectory returns an error if no file can be written in the directory.
func tryDirectory(dir string) error {
	f, err := os.OpenFile(dir, os.O_WRONLY|oTmpfile, 0o600)
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.EISDIR) {
		return tryNumbers(dir) // of file systems that have no such files
	}
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(make([]byte, triedBytes))
	return err
}

// tryNumbers is tryDirectory by the numbers of the file system.
func tryNumbers(dir string) error {
	const writable = 2 // W_OK
	if err := syscall.Access(dir, writable); err != nil {
		return err
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return err
	}
	if int64(s.Bavail)*s.Bsize < triedBytes || s.Files > 0 && s.Ffree == 0 {
		return syscall.ENOSPC
	}
	return nil
}
