package read_test

import (
	"strings"
	"testing"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
)

// placing reads what there is to place the named instances by, each with the step behind
// a colon, reinstall if there is none.
func placing(r *simtest.Rig, names ...string) (*repair.Snapshot, *repair.Placer) {
	r.T.Helper()
	s, err := (&read.Reader{Client: r.Client(), Now: r.Master.Now, Full: true}).Read(simtest.Background)
	if err != nil {
		r.T.Fatal(err)
	}
	var wanted repair.RoomWanted
	for _, word := range names {
		wanted.Choose = append(wanted.Choose, wish(s, word))
	}
	placer, err := read.ReadPlacer(simtest.Background, r.Client(), s, wanted)
	if err != nil {
		r.T.Fatal(err)
	}
	return s, placer
}

// wish reads "NAME[:STEP]".
func wish(s *repair.Snapshot, word string) repair.Wish {
	name, step, given := strings.Cut(word, ":")
	if !given {
		step = string(repair.StepReinstall)
	}
	return repair.Wish{Instance: simtest.ByName(s, name), Step: repair.Step(step)}
}

// place places what wish reads, gives the room away, and returns the nodes, or why there are none behind "! ".
func place(s *repair.Snapshot, p *repair.Placer, word string, avoid ...string) string {
	out := make(map[string]bool)
	for _, name := range avoid {
		out[name] = true
	}
	w := wish(s, word)
	nodes, why := p.Place(s, w.Instance, w.Step, out)
	if why != "" {
		return "! " + why
	}
	p.Take(w.Instance, w.Step, nodes)
	return strings.Join(nodes, " ")
}

const roomy = `
cluster c
group g
group h
node m group=g mem=1000 disk=5000 master
node a group=g mem=3000 disk=5000
node b group=g mem=2000 disk=5000
node small group=g mem=9000 disk=100
node off group=g mem=9000 disk=9000 offline
node dr group=g mem=9000 disk=9000 drained
node dead group=g mem=9000 disk=9000 dead
node inc group=g mem=9000 disk=9000 not-vm-capable
node far group=h mem=9000 disk=9000
instance i nodes=off template=plain mem=500 disk=1000
instance j nodes=off template=plain mem=500 disk=1000
instance d nodes=off,a template=drbd mem=500 disk=1000
instance big nodes=off template=plain mem=4000 disk=1000
instance wide nodes=off template=plain mem=500 disk=6000
instance none nodes=off template=diskless mem=500
instance down nodes=off template=rbd mem=9999 state=down
`

// P10, P11: nodes of the primary's group that are online, not drained, able to
// run instances and answer, with enough of memory and disk, most free memory
// first; never one that the instance is on.
func TestPlace(t *testing.T) {
	for _, row := range []struct{ what, avoid, want string }{
		{"i", "", "a"},
		{"i", "a", "b"},
		{"i", "a b m", "! group g has 0 of 1 nodes with 500 MiB of memory and 1000 MiB of disk free; another job has a, b, m"},
		{"i:failover", "", "small"},
		{"i:migrate", "small", "a"},
		{"d:replace-disks", "", "b"},
		{"d", "", "b m"},
		{"d", "b", "! group g has 1 of 2 nodes with 500 MiB of memory and 1128 MiB of disk free; another job has b"},
		{"big", "", "! group g has 0 of 1 nodes with 4000 MiB of memory and 1000 MiB of disk free"},
		{"big:failover", "", "small"},
		{"big:failover", "small", "! group g has 0 of 1 nodes with 4000 MiB of memory free; another job has small"},
		{"down:failover", "", "small"},
		{"wide", "", "! group g has 0 of 1 nodes with 500 MiB of memory and 6000 MiB of disk free"},
		{"none:failover", "", "small"},
	} {
		r := simtest.New(t, roomy)
		s, p := placing(r, row.what)
		if got := place(s, p, row.what, strings.Fields(row.avoid)...); got != row.want {
			t.Errorf("%s without %s: %q, want %q", row.what, row.avoid, got, row.want)
		}
	}
}

// What one instance is given the next one does not count on.
func TestPlaceTakesRoom(t *testing.T) {
	r := simtest.New(t, `
cluster c
node m mem=50 master
node a mem=1000 disk=2500
node b mem=900 disk=2500
node off offline
instance i nodes=off template=plain mem=400 disk=1000
instance j nodes=off template=plain mem=400 disk=1000
instance k nodes=off template=plain mem=400 disk=1000
instance l nodes=off template=plain mem=400 disk=1000
instance n nodes=off template=plain mem=100 disk=1000
`)
	s, p := placing(r, "i", "j", "k", "l", "n")
	var got []string
	for _, name := range []string{"i", "j", "k", "l", "n"} {
		nodes := place(s, p, name)
		if strings.HasPrefix(nodes, "!") {
			nodes = "-"
		}
		got = append(got, nodes)
	}
	// The memory goes first, then the disks of a and b hold no fifth.
	if want := "a b a b -"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}

const twoLost = `
cluster c
node m mem=100 disk=100 master
node a mem=1000 disk=2500
node b mem=900 disk=2500
node off offline
node off2 offline
instance d nodes=off,off2 template=drbd mem=600 disk=1000
instance e nodes=off,off2 template=drbd mem=600 disk=1000
instance f nodes=off,off2 template=drbd mem=100 disk=1000
`

// Of a drbd instance only the primary takes memory, both nodes take disk.
func TestPlaceDRBD(t *testing.T) {
	s, p := placing(simtest.New(t, twoLost), "d", "e", "f")
	for _, row := range []struct{ what, want string }{
		{"d", "a b"}, // a has 400 left
		{"e", "! group default has 1 of 2 nodes with 600 MiB of memory and 1128 MiB of disk free"},
		{"f", "b a"},
	} {
		if got := place(s, p, row.what); got != row.want {
			t.Errorf("%s: %q, want %q", row.what, got, row.want)
		}
	}
}

// A new secondary takes disk and no memory, but has to have that for a failover.
func TestPlaceNewSecondary(t *testing.T) {
	s, p := placing(simtest.New(t, twoLost+`
instance g nodes=a,off2 template=drbd mem=500 disk=100
instance h nodes=a,off2 template=drbd mem=500 disk=100
instance k nodes=m,off2 template=drbd mem=95 disk=1500
`), "d", "g:replace-disks", "h:replace-disks", "k:replace-disks")
	for _, row := range []struct{ what, want string }{
		{"g:replace-disks", "b"},
		{"h:replace-disks", "b"},
		{"k:replace-disks", "b"},
		{"d", "! group default has 0 of 2 nodes with 600 MiB of memory and 1128 MiB of disk free"},
	} {
		if got := place(s, p, row.what); got != row.want {
			t.Errorf("%s: %q, want %q", row.what, got, row.want)
		}
	}
}

// What an instance takes, or where it belongs, may have become unknown.
func TestPlaceUnknown(t *testing.T) {
	r := simtest.New(t, roomy)
	s, p := placing(r, "i")
	if got := place(s, p, "j"); got != "! what it takes is not known" {
		t.Error(got)
	}
	lost := *simtest.ByName(s, "i")
	lost.Primary = "gone"
	if nodes, why := p.Place(s, &lost, repair.StepReinstall, nil); nodes != nil || why != "its node group is not known" {
		t.Errorf("%v, %q", nodes, why)
	}
}

// C5: an empty list never means "all": nobody is asked where there is nothing
// to place, nor where no node could take it.
func TestReadPlacerAsksNobody(t *testing.T) {
	for _, row := range []struct {
		name      string
		instances []string
		queries   int
	}{{"no instances", nil, 0}, {"no usable node", []string{"i"}, 1}} {
		r := simtest.New(t, "cluster c\ngroup g\ngroup h\nnode m group=h master\nnode off group=g offline\ninstance i nodes=off template=plain")
		s, _ := placing(r)
		queries := 0
		r.Master.OnCall(func(luxitest.Call) luxitest.Fault { queries++; return luxitest.Pass() })
		var wanted repair.RoomWanted
		for _, name := range row.instances {
			wanted.Choose = append(wanted.Choose, wish(s, name))
		}
		p, err := read.ReadPlacer(simtest.Background, r.Client(), s, wanted)
		if err != nil {
			t.Fatal(err)
		}
		r.Master.OnCall(nil)
		if queries != row.queries {
			t.Errorf("%s: %d queries, want %d", row.name, queries, row.queries)
		}
		if got := place(s, p, "i"); !strings.HasPrefix(got, "! ") {
			t.Errorf("%s: placed on %s", row.name, got)
		}
	}
}

// S16: a migration takes the memory that the instance has now, not what it may have.
func TestPlaceByMemoryInUse(t *testing.T) {
	r := simtest.New(t, `
cluster c
node m mem=100 master
node a mem=1000
node dr drained
instance i nodes=dr template=rbd mem=800
instance big nodes=dr template=rbd mem=2000
`)
	s, p := placing(r, "i:migrate", "big:migrate")
	d := p.Demands[simtest.ByName(s, "big").UUID]
	if d.MemoryInUse != 2000 {
		t.Errorf("%+v", d)
	}
	d.MemoryInUse = 900
	p.Demands[simtest.ByName(s, "big").UUID] = d
	if got := place(s, p, "big:migrate"); got != "a" {
		t.Error(got)
	}
	if got := place(s, p, "big:failover"); got != "! group default has 0 of 1 nodes with 2000 MiB of memory free" {
		t.Error(got)
	}
}

// P10: no two instances with the same exclusion tag on one primary node, whether they are
// there or about to go there. A reinstallation waits rather; what comes from a bad node
// otherwise goes where there is no such instance, if it can.
func TestPlaceByExclusionTags(t *testing.T) {
	const cluster = `
cluster c tags=htools:iextags:dns,htools:iextags:,other
node m mem=100 master
node a mem=3000
node b mem=2000
node c mem=1500
node off offline
instance ns1 nodes=a tags=dns:x,other:x
instance ns2 nodes=off template=plain tags=dns:x
instance ns3 nodes=off template=plain tags=dnsmasq,dns:x
instance ns4 nodes=off template=plain tags=dns:x
instance ns5 nodes=off,m template=drbd tags=dns:x
instance fo nodes=off template=rbd tags=dns:x
instance free nodes=off template=plain tags=other:x,ns:x
instance mirror nodes=a,off template=drbd tags=dns:x
`
	s, p := placing(simtest.New(t, cluster), "ns2", "ns3", "ns4", "ns5", "fo:failover", "free", "mirror:replace-disks")
	for _, row := range []struct{ what, avoid, want string }{
		{"free", "", "a"},
		{"mirror:replace-disks", "", "b"}, // only the primary node counts
		{"ns5", "m", "b a"},
		{"ns2", "", "c"},
		{"ns3", "", "! group default has 0 of 1 nodes with 128 MiB of memory and 1024 MiB of disk free; " +
			"another instance with the exclusion tag dns:x is on a; another instance with the exclusion tag dns:x may come to b, c"},
		{"fo:failover", "", "a"},
	} {
		if got := place(s, p, row.what, strings.Fields(row.avoid)...); got != row.want {
			t.Errorf("%s: %q, want %q", row.what, got, row.want)
		}
	}
	s, p = placing(simtest.New(t, cluster), "fo:failover")
	if got := place(s, p, "fo:failover"); got != "b" {
		t.Errorf("the failover goes to %s, where it is not alone", got)
	}
	s, p = placing(simtest.New(t, strings.Replace(cluster, "htools:iextags:dns", "x", 1)), "ns2")
	if got := place(s, p, "ns2"); got != "a" {
		t.Errorf("a tag that the cluster does not name keeps it from a: %s", got)
	}
}
