package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tried runs a program of examples/ with a stand-in for what it calls, and without
// its pauses. It returns what that was called with, and how the program ended.
func tried(t *testing.T, standIn, script string, environment []string, name string, args ...string) (calls string, err error) {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, standIn)
	for path, text := range map[string]string{bin: script, filepath.Join(dir, "sleep"): ""} {
		if err := os.WriteFile(path, []byte("#!/bin/sh\ncd "+dir+"\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for file, text := range map[string]string{"user": "operator\n", "password": "secret\n"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(filepath.Join("../../examples", name), args...)
	cmd.Env = append(environment, "PATH="+dir+":/usr/bin:/bin", "SENDMAIL="+bin, "IPMI_USER_FILE="+dir+"/user", "IPMI_PASSWORD_FILE="+dir+"/password")
	out, err := cmd.CombinedOutput()
	if err == nil && len(out) > 0 {
		t.Errorf("%s %v says %s", name, args, out)
	}
	data, _ := os.ReadFile(filepath.Join(dir, "calls"))
	return strings.ReplaceAll(string(data), dir+"/", ""), err
}

// The example of a fence succeeds only for a node that is off; one that is on is
// switched off once.
func TestExampleFence(t *testing.T) {
	const board = `echo "$*" >>calls
case "$*" in
*status) cat state ;;
*off) NEXT ;;
esac
`
	const ask, off = "-I lanplus -H node2-ipmi.example.com -U operator -f password chassis power status\n", "-I lanplus -H node2-ipmi.example.com -U operator -f password chassis power off\n"
	for what, tt := range map[string]struct {
		script, calls string
		succeeds      bool
	}{
		"off already":     {"echo 'Chassis Power is off' >state\n" + board, ask, true},
		"on":              {"[ -e state ] || echo 'Chassis Power is on' >state\n" + strings.Replace(board, "NEXT", "echo 'Chassis Power is off' >state", 1), ask + off + ask, true},
		"does not answer": {"echo \"$*\" >>calls\nexit 1\n", ask + off, false},
		"refuses to go":   {"echo 'Chassis Power is on' >state\n" + strings.Replace(board, "NEXT", "exit 1", 1), ask + off, false},
		"says nothing":    {": >state\n" + strings.Replace(board, "NEXT", ":", 1), ask + off + strings.Repeat(ask, 5), false},
	} {
		script := strings.Replace(tt.script, "NEXT", ":", 1)
		calls, err := tried(t, "ipmitool", script, nil, "fence-ipmi", "node2.example.com", "web1.example.com")
		if calls != tt.calls || (err == nil) != tt.succeeds {
			t.Errorf("%s: %v, calls\n%swant\n%s", what, err, calls, tt.calls)
		}
	}
}

// Mail is sent of what a person has to look at, and of nothing else.
func TestExampleMail(t *testing.T) {
	for want, v := range map[string]event{
		"node2: empty, safe to switch off": {Event: eventNodeEmpty, Node: "node2", Why: "no instance"},
		"":                                 {Event: eventStarted, Instance: "web1", Repair: "k7tq2mzd", Type: "failover", Step: "failover", Jobs: "7"},
		"web1: repair ended as failure":    {Event: eventEnded, Instance: "web1", Repair: "k7tq2mzd", Type: "failover", Jobs: "7", Result: "failure", Why: "job 7 failed: $(reboot) `x`"},
		"web2: repair blocked by max_unhealthy_nodes": {Event: eventBlocked, Instance: "web2", Type: "failover", Valve: "max_unhealthy_nodes", Why: "too many"},
		"web3: repair blocked by stale-copy":          {Event: eventBlocked, Instance: "web3", Type: "failover", Reason: "stale-copy", Why: "disks were missing"},
		"web4: broken-disks":                          {Event: eventSign, Instance: "web4", Reason: "broken-disks", Why: "3 verifications of disks in a row list it: gnt-instance info web4"},
	} {
		mail, err := tried(t, "sendmail", "echo \"$*\" >>calls; cat >>calls\n", v.environment(), "event-mail")
		if err != nil {
			t.Errorf("%+v: %v", v, err)
		}
		if want == "" && mail != "" || want != "" && !strings.HasPrefix(mail, "-t\nTo: root\nSubject: [] "+want+"\n\n"+v.Why+"\n") {
			t.Errorf("%+v sends\n%s", v, mail)
		}
	}
	done := event{Event: eventEnded, Result: "success"}
	if mail, err := tried(t, "sendmail", "cat >calls\n", done.environment(), "event-mail"); err != nil || mail != "" {
		t.Errorf("a success: %v\n%s", err, mail)
	}
}
