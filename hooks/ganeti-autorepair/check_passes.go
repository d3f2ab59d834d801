package main

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"ganeti-autorepair/plugin/report"
)

// state checks the lock, the stamp of the last pass, and whether passes can keep
// what they write. While passes are stopped, which is told already, none is missed.
func (c *checkup) state(set settings, stopped bool) {
	dir := c.env.paths.state()
	if info, err := os.Lstat(string(dir)); err == nil && (!info.IsDir() || info.Mode().Perm()&0o077 != 0) {
		c.add(levelWarning, "lock", "others than root can enter %s; the next pass ends that", dir)
	}
	holder := lockHolder(dir)
	word := "is free"
	if holder != "" {
		word = "is taken by a running pass, process " + holder
	}
	c.add(levelOK, "lock", "%s", word)
	unwritable := c.env.unwritable(set)
	for _, n := range unwritable {
		c.add(levelWarning, n.What, "cannot be written, passes go on without it: %s", n)
	}
	if len(unwritable) == 0 {
		c.add(levelOK, "files", "can be written")
	}
	c.metrics(set)
	c.lastPass(set, holder, stopped)
}

// lastPass checks when the last pass was.
func (c *checkup) lastPass(set settings, holder string, stopped bool) {
	s, found, err := c.env.paths.state().readStamp()
	now := c.env.now()
	// The watcher comes every five minutes, and may be held up once.
	late := set.interval + set.engine.PassTimeout + 15*time.Minute
	switch {
	case err != nil:
		c.fail(levelWarning, "last pass", err)
	case !found && holder != "":
		c.add(levelOK, "last pass", "the first one runs")
	case !found:
		c.add(levelWarning, "last pass", "there was none yet, or it failed; see the log")
	case now.Before(s.Time.Add(-time.Minute)):
		c.add(levelWarning, "last pass", "was at %s, which lies ahead; look at the clock", s.Time.Format("2006-01-02 15:04:05"))
	case now.Sub(s.Time) > late && stopped:
		c.add(levelOK, "last pass", "was %s ago, before passes were stopped", report.Age(s.Time.Unix(), now))
	case now.Sub(s.Time) > late && stampCannotBeWritten(c.env.paths.state()):
		c.add(levelWarning, "last pass", "its time cannot be written; the last that could be was %s ago", report.Age(s.Time.Unix(), now))
	case now.Sub(s.Time) > late:
		c.add(levelCritical, "last pass", "was %s ago; does cron run ganeti-watcher?", report.Age(s.Time.Unix(), now))
	default:
		c.add(levelOK, "last pass", "was %s ago", report.Age(s.Time.Unix(), now))
	}
}

// stampCannotBeWritten reports whether passes cannot say when they were.
func stampCannotBeWritten(dir stateDir) bool {
	f, err := os.OpenFile(dir.file(stampFile), os.O_WRONLY|syscall.O_NOFOLLOW, 0)
	if err == nil {
		f.Close()
	}
	return err != nil
}

// metrics checks whether the last pass wrote the metrics. A file that was never there
// is missed only if the setting is older than the pass.
func (c *checkup) metrics(set settings) {
	path := c.env.metricsPath(set)
	last, found, err := c.env.paths.state().readStamp()
	if path == "" || !found || err != nil {
		return
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		file, err := os.Stat(c.env.settingsPath())
		if err == nil && file.ModTime().After(last.Time) {
			c.add(levelOK, "metrics", "will be written by the next pass")
			return
		}
		c.add(levelWarning, "metrics", "the last pass did not write %s", path)
	case err != nil:
		c.fail(levelWarning, "metrics", err)
	case !info.Mode().IsRegular():
		c.add(levelWarning, "metrics", "%s is no file", path)
	case info.ModTime().Before(last.Time):
		c.add(levelWarning, "metrics", "the last pass did not write %s", path)
	case info.Mode().Perm()&0o004 == 0:
		c.add(levelWarning, "metrics", "others than its owner cannot read %s, and so no collector", path)
	default:
		c.add(levelOK, "metrics", "were written by the last pass")
	}
}
