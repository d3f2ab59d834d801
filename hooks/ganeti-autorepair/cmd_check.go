package main

import (
	"context"
	"fmt"
	"strings"

	"ganeti-autorepair/plugin/repair"
)

// checkCmd is "ganeti-autorepair check", a plugin for Nagios and compatible
// monitors.
type checkCmd struct {
	Verbose bool `short:"v" help:"Tell the result of every check, not only what is wrong."`
}

// level is a state of Nagios, and its exit code.
type level int

const (
	levelOK level = iota
	levelWarning
	levelCritical
	levelUnknown
)

func (l level) String() string { return [...]string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}[l] }

// levelError ends the program with the exit code of a level, after everything was
// printed.
type levelError struct{ level level }

func (e *levelError) Error() string { return e.level.String() }

// finding is the result of one check.
type finding struct {
	level level
	about string
	text  string
	next  string // the command to type about it; "" if there is none
}

// checkup collects findings.
type checkup struct {
	env      *env
	findings []finding
}

func (c *checkup) add(l level, about, format string, args ...any) {
	c.advise(l, about, "", format, args...)
}

// advise adds a finding with the command to type about it.
func (c *checkup) advise(l level, about, next, format string, args ...any) {
	c.findings = append(c.findings, finding{l, about, fmt.Sprintf(format, args...), next})
}

// fail adds an error as a finding. What this user may not look at is unknown.
func (c *checkup) fail(l level, about string, err error) {
	if otherUser(err) {
		c.advise(levelUnknown, about, "sudo ganeti-autorepair check", "only root can look: %s", err)
		return
	}
	c.add(l, about, "%s", err)
}

// worst returns the worst level of all findings. Unknown is not as bad as critical.
func (c *checkup) worst() level {
	worst := levelOK
	for _, f := range c.findings {
		rank := map[level]int{levelOK: 0, levelWarning: 1, levelUnknown: 2, levelCritical: 3}
		if rank[f.level] > rank[worst] {
			worst = f.level
		}
	}
	return worst
}

// Run checks that auto-repair works, and whether anything waits for a person.
func (cmd *checkCmd) Run(ctx context.Context, e *env) error {
	c := &checkup{env: e}
	set, err := e.settings()
	if err != nil {
		c.fail(levelCritical, "settings", err)
		set = defaultSettings()
	} else {
		c.add(levelOK, "settings", "can be read")
	}
	master := e.paths.localMaster()
	here := repair.SameNode(e.paths.hostname, master)
	c.hook()
	summary, perf := "", ""
	switch {
	case master == "" && e.cli.Luxi == "" && otherUser(e.paths.noMaster()):
		c.fail(levelUnknown, "master", e.paths.noMaster())
	case master == "" && e.cli.Luxi == "":
		c.add(levelUnknown, "master", "Ganeti is not set up here")
	case !here && e.cli.Luxi == "":
		c.add(levelOK, "master", "it is %s, there is nothing to do on this node", master)
		summary = "not the master"
	default:
		summary, perf = c.cluster(ctx, set)
	}
	worst := c.worst()
	var wrong []string
	for _, f := range c.findings {
		if f.level != levelOK {
			wrong = append(wrong, f.about+": "+f.text)
		}
	}
	line := "AUTOREPAIR " + worst.String()
	if len(wrong) > 0 {
		line += " - " + strings.Join(wrong, "; ")
	} else if summary != "" {
		line += " - " + summary
	}
	// Nagios reads what follows the bar as numbers.
	line = strings.ReplaceAll(oneLine(line), "|", "/")
	if perf != "" {
		line += " | " + perf
	}
	fmt.Fprintln(e.stdout, line)
	if cmd.Verbose {
		for _, f := range c.findings {
			text := oneLine(f.text)
			if f.next != "" {
				text += ": " + f.next
			}
			fmt.Fprintf(e.stdout, "%s: %s: %s\n", f.level, f.about, text)
		}
	}
	if worst == levelOK {
		return nil
	}
	return &levelError{worst}
}
