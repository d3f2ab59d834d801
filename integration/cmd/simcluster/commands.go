package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ganeti-autorepair/integration/nodesim"
)

// command is a command that the cluster's process executes.
type command struct {
	args string // its arguments, those that may be left out in brackets, "..." for any more
	do   func(s *server, args []string) (string, error)
}

// commands holds all commands by name. The functions of package nodesim that they
// call say what they do.
var commands = map[string]command{
	"power-off":    onNode((*nodesim.Fleet).PowerOff),
	"power-on":     onNodeErr((*nodesim.Fleet).PowerOn),
	"replace":      onNodeErr((*nodesim.Fleet).Replace),
	"unplug":       onNode((*nodesim.Fleet).Unplug),
	"plug":         onNodeErr((*nodesim.Fleet).Plug),
	"stop-daemon":  onNode((*nodesim.Fleet).StopDaemon),
	"start-daemon": onNodeErr((*nodesim.Fleet).StartDaemon),

	"cut":  {"NODE NODE", func(s *server, a []string) (string, error) { s.c.Sim.Cut(a[0], a[1]); return "", nil }},
	"mend": {"NODE NODE", func(s *server, a []string) (string, error) { s.c.Sim.Mend(a[0], a[1]); return "", nil }},

	"detach-disks": onDisks((*nodesim.Fleet).DetachDisks),
	"break-disks":  onDisks((*nodesim.Fleet).BreakDisks),
	"mend-disks":   onDisks((*nodesim.Fleet).MendDisks),
	"lose-volumes": onDisks((*nodesim.Fleet).LoseVolumes),
	"lose-group":   {"NODE GROUP", func(s *server, a []string) (string, error) { s.c.Sim.LoseVolumeGroup(a[0], a[1]); return "", nil }},
	"group":        {"NODE GROUP MIB [COUNT]", setGroup},
	"systems":      {"NODE ...", func(s *server, a []string) (string, error) { s.c.Sim.SetSystems(a[0], a[1:]...); return "", nil }},

	"split-brain":     onInstance((*nodesim.Fleet).SplitBrain),
	"write":           onInstance((*nodesim.Fleet).Write),
	"crash":           onInstance((*nodesim.Fleet).CrashInstance),
	"sync":            {"INSTANCE stuck|runs", setSync},
	"lose-migrations": {"INSTANCE", func(s *server, a []string) (string, error) { s.keep(s.c.Sim.LoseMigrations(a[0])); return "", nil }},

	"fault": {"...", func(s *server, a []string) (string, error) {
		f, err := parseFault(a)
		if err == nil {
			s.keep(s.c.Sim.Inject(f))
		}
		return "", err
	}},
	"heal": {"", func(s *server, _ []string) (string, error) { s.heal(); return "", nil }},

	"oob-configure": {"...", func(s *server, a []string) (string, error) { return "", s.c.ConfigureOOB(context.Background(), a...) }},
	"oob":           {"works|fails|lies|deceives|hangs [NODE]", setOOB},

	"nodes":  {"", func(s *server, _ []string) (string, error) { return s.c.Sim.String(), nil }},
	"runs":   {"INSTANCE", func(s *server, a []string) (string, error) { return lines(s.c.Sim.RunsOn(a[0])), nil }},
	"copies": {"INSTANCE", copies},
	"calls":  {"", listCalls},
	"incidents": {"", func(s *server, _ []string) (string, error) {
		var list []string
		for _, i := range s.c.Sim.Incidents() {
			list = append(list, i.String())
		}
		return lines(list), nil
	}},
}

func onNode(do func(*nodesim.Fleet, string)) command {
	return command{"NODE", func(s *server, a []string) (string, error) { do(s.c.Sim, a[0]); return "", nil }}
}

func onNodeErr(do func(*nodesim.Fleet, string) error) command {
	return command{"NODE", func(s *server, a []string) (string, error) { return "", do(s.c.Sim, a[0]) }}
}

func onInstance(do func(*nodesim.Fleet, string)) command {
	return command{"INSTANCE", func(s *server, a []string) (string, error) { do(s.c.Sim, a[0]); return "", nil }}
}

func onDisks(do func(*nodesim.Fleet, string, string, ...int)) command {
	return command{"NODE INSTANCE ...", func(s *server, a []string) (string, error) {
		var disks []int
		for _, word := range a[2:] {
			n, err := strconv.Atoi(word)
			if err != nil {
				return "", fmt.Errorf("%s is not the number of a disk", word)
			}
			disks = append(disks, n)
		}
		do(s.c.Sim, a[0], a[1], disks...)
		return "", nil
	}}
}

// run checks the number of arguments and executes the command.
func (c command) run(s *server, name string, args []string) (string, error) {
	least, most := 0, 0
	for _, word := range strings.Fields(c.args) {
		switch {
		case word == "...":
			most = len(args)
		case strings.HasPrefix(word, "["):
			most++
		default:
			least, most = least+1, most+1
		}
	}
	if len(args) < least || len(args) > most {
		return "", fmt.Errorf("%s takes %s", name, or(c.args, "no arguments"))
	}
	return c.do(s, args)
}

func or(text, standard string) string {
	if text == "" {
		return standard
	}
	return text
}

func setGroup(s *server, a []string) (string, error) {
	mib, err := strconv.Atoi(a[2])
	if err != nil {
		return "", err
	}
	s.c.Sim.SetVolumeGroup(a[0], a[1], mib)
	if len(a) > 3 {
		count, err := strconv.Atoi(a[3])
		if err != nil {
			return "", err
		}
		s.c.Sim.SetPhysicalVolumes(a[0], a[1], count)
	}
	return "", nil
}

func setSync(s *server, a []string) (string, error) {
	if a[1] != "stuck" && a[1] != "runs" {
		return "", errors.New("sync takes an instance and stuck or runs")
	}
	s.c.Sim.StickSync(a[0], a[1] == "stuck")
	return "", nil
}

func setOOB(s *server, a []string) (string, error) {
	o := nodesim.OOB(a[0])
	switch o {
	case nodesim.OOBWorks, nodesim.OOBFails, nodesim.OOBLies, nodesim.OOBDeceives, nodesim.OOBHangs:
	default:
		return "", fmt.Errorf("oob takes works, fails, lies, deceives or hangs, not %s", a[0])
	}
	node := ""
	if len(a) > 1 {
		node = a[1]
	}
	s.c.Sim.SetOOB(node, o)
	return "", nil
}

func copies(s *server, a []string) (string, error) {
	var list []string
	for _, c := range s.c.Sim.Copies(a[0]) {
		list = append(list, c.String())
	}
	return lines(list), nil
}

func listCalls(s *server, _ []string) (string, error) {
	var b strings.Builder
	for _, c := range s.c.Sim.Calls() {
		fmt.Fprintf(&b, "%-10s %-32s %-20s %s\n", c.Node, c.Name, c.Instance, c.Err)
	}
	return b.String(), nil
}

func lines(list []string) string {
	var b strings.Builder
	for _, l := range list {
		b.WriteString(l + "\n")
	}
	return b.String()
}

// parseFault returns the fault that the words describe.
func parseFault(words []string) (nodesim.Fault, error) {
	var f nodesim.Fault
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		var err error
		switch key {
		case "node":
			f.Node = value
		case "call":
			f.Call = value
		case "instance":
			f.Instance = value
		case "times":
			f.Times, err = strconv.Atoi(value)
		case "fail":
			f.Fail = value
		case "hang":
			f.Hang = true
		case "drop":
			f.Drop = true
		case "after":
			f.After = true
		case "delay":
			f.Delay, err = time.ParseDuration(value)
		default:
			err = errors.New("unknown word")
		}
		if err != nil {
			return f, fmt.Errorf("fault: %s: %w", word, err)
		}
	}
	if f.Fail == "" && !f.Hang && !f.Drop && f.Delay == 0 {
		return f, errors.New("fault: what shall happen? fail=TEXT, hang, drop or delay=TIME")
	}
	return f, nil
}
