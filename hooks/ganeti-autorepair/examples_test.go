package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The clusters that the snapshots in examples/ were saved of.
var exampleClusters = map[string]string{
	"one-node-down": `
	cluster bigboard.example.com tags=ganeti:watcher:autorepair:failover
	group default
	node node1.example.com mem=65536 disk=2000000 master
	node node2.example.com mem=65536 disk=2000000
	node node3.example.com mem=65536 disk=2000000 offline
	node node4.example.com mem=65536 disk=2000000
	instance db1.example.com template=drbd nodes=node3.example.com,node2.example.com mem=16384 disk=200000
	instance db2.example.com template=drbd nodes=node2.example.com,node3.example.com mem=16384 disk=200000
	instance mail.example.com template=drbd nodes=node1.example.com,node4.example.com mem=8192 disk=100000
	instance scratch.example.com template=plain nodes=node3.example.com mem=2048 disk=50000
	instance web1.example.com template=rbd nodes=node3.example.com mem=4096 disk=20000
	instance web2.example.com template=rbd nodes=node4.example.com mem=4096 disk=20000
`,
	"bad-day": `
	cluster bigboard.example.com tags=ganeti:watcher:autorepair:migrate
	group rack1 tags=ganeti:watcher:autorepair:failover
	group rack2 tags=ganeti:watcher:autorepair:reinstall
	node node1.example.com group=rack1 mem=65536 disk=2000000 master
	node node2.example.com group=rack1 mem=65536 disk=2000000 offline
	node node3.example.com group=rack1 mem=65536 disk=2000000 drained
	node node4.example.com group=rack1 mem=65536 disk=2000000
	node node5.example.com group=rack1 mem=65536 disk=2000000
	node node6.example.com group=rack2 mem=65536 disk=2000000 offline
	node node7.example.com group=rack2 mem=65536 disk=2000000 drained
	node node8.example.com group=rack2 mem=65536 disk=2000000
	instance archive.example.com template=plain nodes=node3.example.com mem=2048 disk=100000
	instance build.example.com template=plain nodes=node6.example.com mem=8192 disk=100000
	instance crm.example.com template=drbd nodes=node2.example.com,node3.example.com mem=8192 disk=100000
	instance db1.example.com template=drbd nodes=node2.example.com,node4.example.com mem=16384 disk=200000
	instance db2.example.com template=drbd nodes=node1.example.com,node2.example.com mem=16384 disk=200000 tags=ganeti:watcher:autorepair:suspend:1700014400
	instance huge.example.com template=rbd nodes=node2.example.com mem=131072 disk=20000
	instance mail.example.com template=drbd nodes=node4.example.com,node5.example.com mem=8192 disk=100000
	instance old.example.com template=rbd nodes=node2.example.com mem=2048 disk=20000 tags=ganeti:watcher:autorepair:result:failover:q4n8w2zk:1699999000:failure:
	instance typo.example.com template=rbd nodes=node2.example.com mem=2048 disk=20000 tags=ganeti:watcher:autorepair:pending:failover:now
	instance weak.example.com template=rbd nodes=node2.example.com mem=2048 disk=20000 tags=ganeti:watcher:autorepair:fix-storage
	instance web1.example.com template=rbd nodes=node3.example.com mem=4096 disk=20000
	instance web2.example.com template=rbd nodes=node8.example.com mem=4096 disk=20000
`,
}

// The snapshots in examples/ are what the program saves, hold what a schema
// says, and show the same without the cluster as the cluster itself did.
func TestExampleSnapshots(t *testing.T) {
	for name, cluster := range exampleClusters {
		b := newBed(t, cluster)
		if name == "bad-day" {
			if code, _, stderr := b.run("run"); code != 0 {
				t.Fatal(stderr)
			}
			b.m.Advance(20 * time.Second)
		}
		file := filepath.Join(b.root, "saved")
		_, live, _ := b.run("status", "--json", "--all", "--save", file)
		saved, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "../../../examples/"+name+".json", strings.Replace(string(saved), "ganeti-autorepair "+version, "ganeti-autorepair", 1))
		validate(t, "snapshot.json", string(saved))
		b.m.StopLuxid()
		example := filepath.Join("../../examples", name+".json")
		code, again, stderr := b.run("status", "--json", "--all", "--snapshot", example)
		if code != 0 || again != live {
			t.Errorf("%s: %d %s\n%s\nbut the cluster showed\n%s", name, code, stderr, again, live)
		}
		b.screens("example-"+name, "status", "--snapshot", example)
	}
}

// A file that is no snapshot is told in one line.
func TestBadSnapshots(t *testing.T) {
	b := newBed(t, badNode)
	for text, want := range map[string]string{
		"":                   "not a saved snapshot",
		"{":                  "not a saved snapshot",
		"[]":                 "not a saved snapshot",
		`{"version":2}`:      "a saved snapshot of version 2; this program reads version 1",
		`{"instances":[{}]}`: "of version 0",
		`{"version":1,"nodes":[{"name":"n","group":"g"}]}`: "node n is in group g, which is not in the snapshot",
	} {
		b.write("/file", text)
		b.want(1, 2, want, "status", "--snapshot", filepath.Join(b.root, "file"))
	}
	b.want(1, 2, "no such file", "status", "--snapshot", filepath.Join(b.root, "nothing"))
	b.want(1, 1, "saving the snapshot: ", "status", "--save", filepath.Join(b.root, "no/place"))
	b.want(2, 2, "--save goes with neither", "status", "--snapshot=x", "--save=y")
}

// A snapshot holds no secret, wherever it may come from: parameters and results
// of jobs, logs of scripts that Ganeti quotes, reasons, tags that are not ours.
func TestSnapshotsHoldNoSecrets(t *testing.T) {
	b := newBed(t, strings.ReplaceAll(badNode, "instance web1 template=sharedfile nodes=node2 state=up mem=512 tags=", "instance web1 template=sharedfile nodes=node2 state=up mem=512 tags=SECRET1,"))
	b.want(0, 0, "", "run", "--from-watcher")
	b.submit(`{"OP_ID":"OP_INSTANCE_REINSTALL","reason":[["SECRET2","SECRET3",1]],"comment":"SECRET4","instance_name":"fine","osparams_secret":{"root_password":"SECRET5"},"osparams_private":{"x":"SECRET6"}}`)
	file := filepath.Join(b.root, "saved")
	b.want(0, 0, "", "status", "--save", file)
	saved, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(saved), "SECRET") || !strings.Contains(string(saved), "OP_INSTANCE_REINSTALL") {
		t.Errorf("%v\n%s", err, saved)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}
