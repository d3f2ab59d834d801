package luxitest

import (
	"strings"
	"testing"
)

const everything = `
cluster big.example.com templates=file,plain version=3.1.1 iallocator= tags=a,ganeti:watcher:autorepair:failover pause=1714570000 max-running-jobs=5 drained no-capacity-checks
group one tags=g
group two policy=last_resort
node n1 group=one mem=100 disk=200 filedisk=300 tags=t master
node n2 group=one offline dead
node n3 group=two drained
node n4 group=two not-vm-capable
instance a template=drbd nodes=n2,n3 disk=7
instance b template=file nodes=n1 state=down os=deb hypervisor=kvm tags=x,y
instance c nodes=n1 stopped
instance d template=sharedfile nodes=n3 state=offline data=none generation=3
instance e template=plain nodes=n3 runs=n1,n3 uuid=11111111-2222-3333-4444-555555555555
instance f nodes=n1 forthcoming
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
		"# nothing":                                "the cluster has no nodes",
	} {
		_, err := Parse(text)
		if err == nil || err.Error() != problem {
			t.Errorf("%q:\n got %v\nwant %s", text, err, problem)
		}
	}
}
