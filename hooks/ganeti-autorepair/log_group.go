package main

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
)

// logGroup is the group that may read the log, as it may read the others below
// /var/log. Where it is missing, root alone reads the log.
var logGroup = "adm"

// openAppending opens a log for appending. It makes it, and its directory, if they are
// missing: for root and the group, whatever the umask. What is there already stays as
// it is, as an administrator may have it otherwise.
func openAppending(path string) (*os.File, error) {
	dir := filepath.Dir(path)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
			return nil, err
		}
		if err := os.Mkdir(dir, 0o750); err == nil {
			share(dir, 0o750)
		}
	}
	const flags = os.O_WRONLY | os.O_APPEND | os.O_CREATE
	f, err := os.OpenFile(path, flags|os.O_EXCL, 0o640)
	if err == nil {
		share(path, 0o640)
		return f, nil
	}
	return os.OpenFile(path, flags, 0o640)
}

// share gives what this process has made to the group. A log is written even if that
// does not succeed.
func share(path string, mode os.FileMode) {
	if group, err := user.LookupGroup(logGroup); err == nil {
		if id, err := strconv.Atoi(group.Gid); err == nil {
			_ = os.Chown(path, -1, id)
		}
	}
	_ = os.Chmod(path, mode)
}
