package read_test

import (
	"strings"
	"testing"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
)

// placing reads what there is to place the named instances by.
func placing(r *simtest.Rig, names ...string) (*repair.Snapshot, *repair.Placer) {
	r.T.Helper()
	s, err := (&read.Reader{Client: r.Client(), Now: r.Master.Now, Full: true}).Read(simtest.Background)
	if err != nil {
		r.T.Fatal(err)
	}
	var list []*repair.Instance
	for _, name := range names {
		list = append(list, simtest.ByName(s, name))
	}
	placer, err := read.ReadPlacer(simtest.Background, r.Client(), s, repair.RoomWanted{Choose: list})
	if err != nil {
		r.T.Fatal(err)
	}
	return s, placer
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
`

// P10, P11: nodes of the primary's group that are online, not drained, able to
// run instances and answer, with enough of memory and disk, most free memory
// first; never one that the instance is on.
func TestPlace(t *testing.T) {
	for _, row := range []struct {
		name  string
		count int
		disk  bool
		want  string
	}{
		{"i", 1, true, "a"},
		{"i", 2, true, "a b"},
		{"i", 3, true, "a b m"},
		{"i", 4, true, "! group g has 3 of 4 nodes with 500 MiB of memory and 1000 MiB of disk free"},
		{"i", 1, false, "small"},
		{"d", 1, true, "b"},
		{"d", 2, true, "b m"},
		{"d", 3, true, "! group g has 2 of 3 nodes with 500 MiB of memory and 1128 MiB of disk free"},
		{"big", 1, true, "! group g has 0 of 1 nodes with 4000 MiB of memory and 1000 MiB of disk free"},
		{"big", 1, false, "small"},
		{"wide", 1, true, "! group g has 0 of 1 nodes with 500 MiB of memory and 6000 MiB of disk free"},
		{"none", 1, false, "small"},
		{"none", 1, true, "small"},
	} {
		r := simtest.New(t, roomy)
		s, p := placing(r, row.name)
		nodes, why := p.Place(s, simtest.ByName(s, row.name), row.count, row.disk)
		got := strings.Join(nodes, " ")
		if why != "" {
			got += "! " + why
		}
		if got != row.want {
			t.Errorf("%s on %d nodes, disk %v: %q, want %q", row.name, row.count, row.disk, got, row.want)
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
		nodes, why := p.Place(s, simtest.ByName(s, name), 1, true)
		if why != "" {
			nodes = []string{"-"}
		}
		got = append(got, nodes...)
	}
	// The memory goes first, then the disks of a and b hold no fifth.
	if want := "a b a b -"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}

// Of a drbd instance only the primary takes memory, both nodes take disk.
func TestPlaceDRBD(t *testing.T) {
	r := simtest.New(t, `
cluster c
node m mem=100 disk=100 master
node a mem=1000 disk=2500
node b mem=900 disk=2500
node off offline
node off2 offline
instance d nodes=off,off2 template=drbd mem=600 disk=1000
instance e nodes=off,off2 template=drbd mem=600 disk=1000
instance f nodes=off,off2 template=drbd mem=100 disk=1000
`)
	s, p := placing(r, "d", "e", "f")
	for _, row := range []struct{ name, want string }{
		{"d", "a b"}, // a has 400 left
		{"e", ""},    // b alone has room
		{"f", "b a"},
	} {
		if nodes, _ := p.Place(s, simtest.ByName(s, row.name), 2, true); strings.Join(nodes, " ") != row.want {
			t.Errorf("%s: %v, want %q", row.name, nodes, row.want)
		}
	}
}

// What an instance takes, or where it belongs, may have become unknown.
func TestPlaceUnknown(t *testing.T) {
	r := simtest.New(t, roomy)
	s, p := placing(r, "i")
	if nodes, why := p.Place(s, simtest.ByName(s, "j"), 1, true); nodes != nil || why != "what it takes is not known" {
		t.Errorf("%v, %q", nodes, why)
	}
	lost := *simtest.ByName(s, "i")
	lost.Primary = "gone"
	if nodes, why := p.Place(s, &lost, 1, true); nodes != nil || why != "its node group is not known" {
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
		var list []*repair.Instance
		for _, name := range row.instances {
			list = append(list, simtest.ByName(s, name))
		}
		p, err := read.ReadPlacer(simtest.Background, r.Client(), s, repair.RoomWanted{Choose: list})
		if err != nil {
			t.Fatal(err)
		}
		r.Master.OnCall(nil)
		if queries != row.queries {
			t.Errorf("%s: %d queries, want %d", row.name, queries, row.queries)
		}
		if nodes, why := p.Place(s, simtest.ByName(s, "i"), 1, true); nodes != nil || why == "" {
			t.Errorf("%s: placed on %v", row.name, nodes)
		}
	}
}
