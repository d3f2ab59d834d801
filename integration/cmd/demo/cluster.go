package main

import (
	"context"
	"strings"
)

// A cluster is where the story takes place. What can be asked for over LUXI is
// not part of it: that is the same everywhere.
type cluster interface {
	// Name says in a few words what kind of cluster this is.
	Name() string
	// About tells the audience what is real about it, one thought per line.
	About() []string
	// Socket is the path of the master's LUXI socket.
	Socket() string
	// Groups are the node groups. The first node of the first group is the
	// master.
	Groups() []group
	// Templates are the disk templates that instances can have.
	Templates() []string
	// Build creates the instances, and runs them.
	Build(ctx context.Context, list []instance) error
	// Admin runs one of Ganeti's commands as root on the master.
	Admin(ctx context.Context, args ...string) error
	// PowerOff makes a node and what runs there vanish. Only the disks of the
	// instances named are lost for good.
	PowerOff(ctx context.Context, node string, lost ...string) error
	// PowerOn brings the node back.
	PowerOn(ctx context.Context, node string) error
	// PassCommand is what Pass runs, as a person would type it.
	PassCommand() string
	// Pass has the program do one pass.
	Pass(ctx context.Context) error
	// Program runs the program with other arguments and returns its output.
	Program(ctx context.Context, args ...string) (string, error)
	// Log is the content of the program's log file, nothing if there is none.
	Log() ([]byte, error)
	// Replaced names the instances whose data was replaced by other data.
	Replaced() ([]string, error)
	// Close ends the cluster; nothing of it remains.
	Close() error
}

// group is a node group.
type group struct {
	name  string
	nodes []string
}

// instance is an instance to be created.
type instance struct {
	name     string
	template string
	nodes    []string // the primary node, and for drbd the secondary
	memory   memory
	tags     []string
}

// memory is what an instance takes of an empty node's memory.
type memory float64

const (
	little memory = 0.01
	much   memory = 0.60
	most   memory = 0.70
)

// of returns the memory in MiB on nodes with that much of it.
func (m memory) of(mib int) int { return int(float64(mib) * float64(m)) }

// settings is the content of the program's settings file for the story. The
// intervals let each run of the watcher be a pass.
const settings = `interval = "1s"
busy_interval = "1s"
log = "` + logFile + `"
`

// logFile is the program's log, below the root directory of the master.
const logFile = "/var/log/ganeti-autorepair.log"

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// commandLine is a command as a person would type it.
func commandLine(args []string) string { return strings.Join(args, " ") }
