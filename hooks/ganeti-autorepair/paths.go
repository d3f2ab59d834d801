package main

import (
	"os"
	"path/filepath"
	"strings"
)

// paths are the files the program uses. GANETI_ROOTDIR and GANETI_HOSTNAME are
// honoured as Ganeti's own programs do (lib/vcluster.py, lib/netutils.py).
type paths struct {
	root     string
	hostname string
}

func newPaths(getenv func(string) string) paths {
	p := paths{root: getenv("GANETI_ROOTDIR"), hostname: getenv("GANETI_HOSTNAME")}
	if p.hostname == "" {
		p.hostname, _ = os.Hostname()
	}
	return p
}

// in returns an absolute path below the root directory.
func (p paths) in(path string) string {
	if p.root == "" {
		return path
	}
	return filepath.Join(p.root, path)
}

func (p paths) socket() string   { return p.in("/var/run/ganeti/socket/ganeti-query") }
func (p paths) settings() string { return p.in("/etc/ganeti/autorepair.toml") }

// hook is the script that ganeti-watcher runs.
func (p paths) hook() string { return p.in("/etc/ganeti/hooks/watcher/ganeti-autorepair") }

// state returns the state directory. It does not outlive a reboot.
func (p paths) state() stateDir { return stateDir(p.in("/var/run/ganeti-autorepair")) }

// masterFile is where Ganeti keeps the name of the master on each node.
func (p paths) masterFile() string { return p.in("/var/lib/ganeti/ssconf_master_node") }

// noMaster returns why the name of the master cannot be read here; nil if it can.
func (p paths) noMaster() error {
	_, err := os.ReadFile(p.masterFile())
	return err
}

// localMaster returns the master node by this node's own files; "" if Ganeti is not
// set up here.
func (p paths) localMaster() string {
	data, err := os.ReadFile(p.masterFile())
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// clusterName returns the name of the cluster by this node's own files; "" if there is
// none.
func (p paths) clusterName() string {
	data, err := os.ReadFile(p.in("/var/lib/ganeti/ssconf_cluster_name"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// oneLine folds a message into one line for logs and terminals.
func oneLine(s string) string {
	return strings.Join(strings.Fields(s), " ")
}
