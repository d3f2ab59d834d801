package luxitest

import (
	"strings"
	"testing"
)

const everything = `
cluster big.example.com templates=file,plain version=3.1.1 iallocator= tags=a,ganeti:watcher:autorepair:failover pause=1714570000 max-running-jobs=5 drained no-capacity-checks candidate-pool=3 exclusive-storage
group one tags=g exclusive-storage
group two policy=last_resort
node n1 group=one mem=100 disk=200 filedisk=300 tags=t master
node n2 group=one offline dead
node n3 group=two drained
node n4 group=two not-vm-capable not-master-capable cpus=4 vg=fast:500,slow:9000 no-vg pvs=3 exclusive-storage os=deb,noop
node n5 group=two regular oob=lies powered-off mtime=1714570000 os=none
instance a template=drbd nodes=n2,n3 disk=7
instance b template=file nodes=n1 state=down os=deb hypervisor=kvm tags=x,y
instance c nodes=n1 stopped
instance d template=sharedfile nodes=n3 state=offline data=none generation=3
instance e template=plain nodes=n3 runs=n1,n3 uuid=11111111-2222-3333-4444-555555555555
instance f nodes=n1 forthcoming
instance g template=drbd nodes=n3,n4 minmem=64 usedmem=100 vcpus=3 vg=fast always-failover disks-inactive lacks=n4 failed=n3
instance h template=drbd nodes=n3,n4 state=down disks-active lacks=n3,n4
instance j template=drbd nodes=n3,n4 partial=n4
cut n3 n4
`

func TestTextRoundTrip(t *testing.T) {
	c, err := Parse(everything)
	if err != nil {
		t.Fatal(err)
	}
	text := c.Format()
	again, err := Parse(text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	want(t, "format", again.Format(), text)
	a, d, e := again.Instance("a"), again.Instance("d"), again.Instance("e")
	if len(a.RunsOn) != 0 || a.Secondaries[0] != "n3" || a.DiskSize != 7 {
		t.Errorf("a: %+v", a)
	}
	if d.Data.Generation != 3 || len(d.Data.On) != 0 || d.AdminState != AdminOffline {
		t.Errorf("d: %+v", d)
	}
	if strings.Join(e.RunsOn, ",") != "n1,n3" || !strings.HasPrefix(e.UUID, "1111") {
		t.Errorf("e: %+v", e)
	}
	if again.Master != "n1" || again.DefaultIAllocator != "" || again.SoftwareVersion != "3.1.1" || !again.QueueDrained {
		t.Errorf("cluster: %+v", again)
	}
	if n := again.Node("n1"); n.Storage != 200 || n.FileStorage != 300 || strings.Join(again.EnabledTemplates, ",") != "file,plain" {
		t.Errorf("storage: %+v, %v", n, again.EnabledTemplates)
	}
	g, h, j := again.Instance("g"), again.Instance("h"), again.Instance("j")
	if !g.Lacks("n4") || g.Lacks("n3") || g.DisksActive || strings.Join(g.Data.Failed, ",") != "n3" || !g.AlwaysFailover || g.VG != "fast" ||
		g.MinMemory != 64 || g.RunningMemory != 100 || g.VCPUs != 3 {
		t.Errorf("g: %+v", g)
	}
	if !h.Lacks("n3") || !h.Lacks("n4") || !h.DisksActive || j.HasDisksOn("n4") || !again.isCut("n4", "n3") {
		t.Errorf("h: %+v, j: %+v, cuts: %v", h, j, again.Cuts)
	}
	n4, n5 := again.Node("n4"), again.Node("n5")
	if n4.VGs["slow"] != 9000 || !n4.NoVG || n4.hasOS("x") || !n4.hasOS("deb+v1") || n5.hasOS("deb") || n5.OOB != OOBLies || n5.candidate() ||
		n5.MTime.Unix() != 1714570000 {
		t.Errorf("n4: %+v, n5: %+v", n4, n5)
	}
	if !again.Instance("b").HasDisksOn("n1") || again.Instance("b").HasDisksOn("n2") {
		t.Error("where b's disks are")
	}
}

func TestTextErrors(t *testing.T) {
	for text, problem := range map[string]string{
		"node":                                     "line 1: node: a name is missing",
		"\n\nnode a\nnode a":                       `line 4: a second node "a"`,
		"planet x":                                 `line 1: unknown kind of object "planet"`,
		"node a mem=lots":                          "line 1: mem=lots: not a number",
		"node a colour=red":                        `line 1: unknown attribute "colour="`,
		"node a tired":                             `line 1: unknown word "tired"`,
		"node a mem=1 mem=2":                       `line 1: "mem" is given twice`,
		"node a offline drained":                   "line 1: a node cannot be offline and drained at the same time",
		"node a group=x":                           `line 1: there is no group "x"`,
		"node a master\nnode b master":             "line 2: a second master",
		"node a\ninstance i":                       "line 2: it has no primary node",
		"node a\ninstance i nodes=b":               `line 2: there is no node "b"`,
		"node a\ninstance i nodes=a runs=b":        `line 2: there is no node "b"`,
		"node a\ninstance i nodes=a state=odd":     `line 2: unknown admin state "odd"`,
		"node a\ninstance i nodes=a template=x":    `line 2: unknown disk template "x"`,
		"node a\ninstance i nodes=a template=drbd": "line 2: a drbd instance has exactly one secondary node",
		"node a\nnode b\ninstance i nodes=a,b":     "line 3: template diskless has no secondary nodes",
		"group g policy=odd":                       `line 1: unknown policy "odd"`,
		"cluster c master=x\nnode a":               `the master "x" is not a node`,
		"cluster c templates=plain,x":              `line 1: unknown disk template "x"`,
		"node a oob=maybe":                         "line 1: oob=maybe: not one of works, fails, lies, deceives, hangs",
		"node a vg=x":                              "line 1: vg=x: a name, a colon and MiB are wanted",
		"node a\ncut a b":                          "line 2: cut: two nodes are wanted",
		"node a\ninstance i nodes=a hypervisor=x":  `line 2: unknown hypervisor "x"`,
		"node a\ninstance i nodes=a lacks=a":       "line 2: only drbd has copies",
		"node a\nnode b\nnode c\ninstance i nodes=a,b template=drbd lacks=c": "line 4: lacks=c: there is no copy",
		"# nothing": "the cluster has no nodes",
	} {
		_, err := Parse(text)
		if err == nil || err.Error() != problem {
			t.Errorf("%q:\n got %v\nwant %s", text, err, problem)
		}
	}
}
