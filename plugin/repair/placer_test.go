package repair_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// roomFor makes a placer for the instance "lost" on the nodes a and b, a with more memory,
// as a pass has it that was told of one logical volume in the cluster's volume group.
func roomFor(i *repair.Instance) (*repair.Snapshot, *repair.Placer) {
	s := repairtest.Allow(repairtest.Snapshot("m a b off:offline off2:offline", i), "reinstall")
	s.Cluster.VolumeGroup, s.Cluster.FreeDisk = "xenvg", luxi.StorageLVM
	p := repair.NewPlacer()
	p.Strict = true
	for node, memory := range map[string]int64{"a": 3000, "b": 2000} {
		disk := map[repair.Storage]int64{{Kind: luxi.StorageLVM}: 5000}
		p.Rooms["rack1-uuid"] = append(p.Rooms["rack1-uuid"], repair.Room{Node: node, Group: "rack1-uuid", Memory: memory, Disk: disk})
	}
	p.Demands[i.UUID] = repair.Demand{Memory: 1000, Disk: 1000, Volumes: []repair.Volume{{Size: 1000}}}
	return s, p
}

// room returns the node's room, to be changed.
func room(p *repair.Placer, node string) *repair.Room {
	for k := range p.Rooms["rack1-uuid"] {
		if r := &p.Rooms["rack1-uuid"][k]; r.Node == node {
			return r
		}
	}
	return nil
}

// placed places the instance, and returns the nodes, or what is said of them.
func placed(s *repair.Snapshot, p *repair.Placer, i *repair.Instance) string {
	nodes, why := p.Place(s, i, repair.StepReinstall, nil)
	if why != "" {
		_, rest, more := strings.Cut(why, " free; ")
		if !more {
			return why
		}
		return rest
	}
	return strings.Join(nodes, " ")
}

// P10: a node on which an instance's operating system is missing, invalid or without the
// variant is no place, nor is one that did not say; both nodes of a drbd instance need it.
func TestPlaceByOS(t *testing.T) {
	at := func(valid bool, variants ...string) luxi.NodeOS { return luxi.NodeOS{Valid: valid, Variants: variants} }
	for name, row := range map[string]struct {
		os   string
		a, b *luxi.NodeOS
		want string
	}{
		"none to install":       {"", nil, nil, "a"},
		"on both":               {"debian", ptr(at(true)), ptr(at(true)), "a"},
		"missing on one":        {"debian", ptr(at(false)), ptr(at(true)), "b"},
		"missing on both":       {"debian", ptr(at(false)), ptr(at(false)), "operating system debian is missing on a, b"},
		"one did not say":       {"debian", nil, ptr(at(true)), "b"},
		"neither did":           {"debian", nil, nil, "which operating systems there are could not be found out on a, b"},
		"known nowhere":         {"fedora", ptr(at(true)), ptr(at(true)), "operating system fedora is missing on a, b"},
		"with its variant":      {"debian+min", ptr(at(true, "full")), ptr(at(true, "full", "min")), "b"},
		"variant nowhere":       {"debian+min", ptr(at(true, "full")), ptr(at(true)), "operating system debian has no variant min on a, b"},
		"needs a variant":       {"debian", ptr(at(true, "full")), ptr(at(true)), "b"},
		"needs it everywhere":   {"debian", ptr(at(true, "full")), ptr(at(true, "min")), "operating system debian needs a variant on a, b"},
		"drbd, missing on one":  {"drbd debian", ptr(at(true)), ptr(at(false)), "operating system debian is missing on b"},
		"drbd, there on both":   {"drbd debian", ptr(at(true)), ptr(at(true)), "a b"},
		"looking, not asked":    {"look debian", nil, nil, "a"},
		"looking, one is known": {"look debian", ptr(at(false)), nil, "b"},
	} {
		i := repairtest.Instance("lost", "plain", "off", "")
		words := strings.Fields(row.os + " ")
		if len(words) == 2 && words[0] == "drbd" {
			i = repairtest.Instance("lost", "drbd", "off off2", "")
		}
		s, p := roomFor(i)
		p.Strict = len(words) < 2 || words[0] != "look"
		d := p.Demands[i.UUID]
		if len(words) > 0 {
			d.OS = words[len(words)-1]
		}
		p.Demands[i.UUID] = d
		os := luxi.OS{Name: "debian", Nodes: map[string]luxi.NodeOS{"m-uuid": at(true)}}
		for uuid, at := range map[string]*luxi.NodeOS{"a-uuid": row.a, "b-uuid": row.b} {
			if at != nil {
				os.Nodes[uuid] = *at
			}
		}
		if row.os != "look debian" || row.a != nil {
			p.Answer(s, repair.Answers{OSes: map[string]luxi.OS{"debian": os}})
		}
		if got := placed(s, p, i); got != row.want {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
}

func ptr(at luxi.NodeOS) *luxi.NodeOS { return &at }

// disk makes a disk as INSTANCE_QUERY_DATA tells it: "GROUP:MIB[:SPINDLES]".
func disk(text string) luxi.Disk {
	word := strings.Split(text+":0:0", ":")
	d := luxi.Disk{Type: "plain", VolumeGroup: word[0], Volume: "x"}
	fmt.Sscan(word[1], &d.Size)
	fmt.Sscan(word[2], &d.Spindles)
	return d
}

// P10: free disk is counted in the volume group of each disk. Where a pass does not
// know the groups, or what is free there, it waits; what only looks takes the
// cluster's own volume group.
func TestPlaceByVolumeGroup(t *testing.T) {
	for name, row := range map[string]struct {
		disks string // "GROUP:MIB", separated by blanks; "-" if they are not told
		a, b  string // "GROUP:FREE", separated by blanks; "-" if the node did not answer
		look  bool
		want  string
	}{
		"the cluster's":              {"xenvg:1000", "-", "-", false, "a"},
		"too large for that":         {"xenvg:6000", "-", "-", false, "group rack1 has 0 of 1 nodes with 1000 MiB of memory and 1000 MiB of disk free"},
		"dfree is newer":             {"xenvg:1000", "xenvg:10", "xenvg:10", false, "a"},
		"another one, not told":      {"fast:1000", "-", "-", false, "how much lvm-vg storage is free could not be found out on a, b"},
		"another one, too small":     {"fast:1000", "xenvg:9000 fast:900", "fast:1000", false, "b"},
		"another one, missing":       {"fast:1000", "xenvg:9000", "xenvg:9000 fast:900", false, "there is no volume group fast on a"},
		"two in one":                 {"fast:600 fast:600", "fast:1000", "fast:1200", false, "b"},
		"in two groups":              {"xenvg:600 fast:600", "fast:600", "fast:599", false, "a"},
		"in two groups, one full":    {"xenvg:6000 fast:600", "fast:600", "fast:600", false, "group rack1 has 0 of 1 nodes with 1000 MiB of memory and 6000 MiB of disk and 600 MiB in volume group fast free"},
		"groups not told":            {"-", "xenvg:9000", "xenvg:9000", false, "which volume groups its disks are in could not be found out"},
		"looking, groups not told":   {"-", "-", "-", true, "a"},
		"looking, free not told":     {"fast:1000", "-", "-", true, "a"},
		"looking, told that it's in": {"fast:1000", "fast:10", "fast:1000", true, "b"},
	} {
		i := repairtest.Instance("lost", "plain", "off", "")
		s, p := roomFor(i)
		d := p.Demands[i.UUID]
		d.Volumes = nil
		p.Demands[i.UUID] = d
		p.Strict = !row.look
		a := repair.Answers{Instances: map[string]luxi.InstanceData{}, Storage: map[string][]luxi.StorageUnit{}}
		if row.disks != "-" {
			data := luxi.InstanceData{Name: "lost", UUID: "lost-uuid"}
			for _, text := range strings.Fields(row.disks) {
				data.Disks = append(data.Disks, disk(text))
			}
			a.Instances["lost"] = data
		}
		for node, text := range map[string]string{"a": row.a, "b": row.b} {
			for _, word := range strings.Fields(text) {
				if d := disk(word); word != "-" {
					a.Storage[luxi.StorageLVM] = append(a.Storage[luxi.StorageLVM], luxi.StorageUnit{Node: node, Name: d.VolumeGroup, Free: d.Size})
				}
			}
		}
		p.Answer(s, a)
		if got := placed(s, p, i); got != row.want {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
}

// P10: what others take counts in their own volume groups, and in any where it is not
// known in which.
func TestPlaceTakesVolumeGroups(t *testing.T) {
	i := repairtest.Instance("lost", "plain", "off", "")
	for name, row := range map[string]struct {
		volumes []repair.Volume
		nodes   []string // nil: an allocator chooses
		want    string
	}{
		"in the same group":          {[]repair.Volume{{Group: "fast", Size: 500}}, []string{"a"}, "b"},
		"in another group":           {[]repair.Volume{{Group: "slow", Size: 500}}, []string{"a"}, "a"},
		"not known where":            {nil, []string{"a"}, "b"},
		"by an allocator":            {[]repair.Volume{{Group: "fast", Size: 500}}, nil, "another may take it on a"},
		"by an allocator, elsewhere": {[]repair.Volume{{Group: "slow", Size: 500}}, nil, "a"},
	} {
		s, p := roomFor(i)
		p.Demands[i.UUID] = repair.Demand{Memory: 1000, Disk: 1000, Volumes: []repair.Volume{{Group: "fast", Size: 1000}}}
		other := repairtest.Instance("other", "plain", "off", "")
		p.Demands[other.UUID] = repair.Demand{Memory: 100, Disk: 500, Volumes: row.volumes}
		room(p, "a").Disk[repair.Storage{Kind: luxi.StorageLVM, Name: "fast"}] = 1400
		if row.nodes != nil {
			room(p, "b").Disk[repair.Storage{Kind: luxi.StorageLVM, Name: "fast"}] = 1000
		} else {
			room(p, "b").Disk[repair.Storage{Kind: luxi.StorageLVM, Name: "fast"}] = 100
		}
		p.Claim(repair.Claim{By: "another", Instance: other, Nodes: row.nodes, Group: "rack1-uuid", Disk: true})
		if got := placed(s, p, i); got != row.want {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
}

// P10: with exclusive storage whole physical volumes are counted, those of each disk
// alone; drbd cannot be there, nor disks that do not say how many they take.
func TestPlaceOnExclusiveStorage(t *testing.T) {
	for name, row := range map[string]struct {
		disks  string
		free   int64
		taken  string // the disks of an instance that goes there; "-" if they are not known
		drbd   bool
		look   bool
		onlyOn string // nodes with exclusive storage
		want   string
	}{
		"enough":                      {disks: "xenvg:1000:1 xenvg:1000:2", free: 3, want: "a"},
		"too few":                     {disks: "xenvg:1000:1 xenvg:1000:2", free: 2, want: "group rack1 has 0 of 1 nodes with 1000 MiB of memory and 1000 MiB of disk free"},
		"elsewhere there is room":     {disks: "xenvg:1000:1 xenvg:1000:2", free: 2, onlyOn: "a", want: "b"},
		"volumes too small":           {disks: "xenvg:1100:1", free: 5, want: "1100 MiB do not fit into 1 physical volumes of a, b"},
		"spindles not set":            {disks: "xenvg:1000", free: 5, want: "its disks have no number of spindles, which they need (gnt-cluster repair-disk-sizes) on a, b"},
		"another volume group":        {disks: "fast:1000:1", free: 5, want: "how many physical volumes of volume group fast are free is not told by a, b"},
		"drbd":                        {disks: "xenvg:1000:1", free: 5, drbd: true, want: "drbd does not work with the exclusive storage of a, b"},
		"taken by another":            {disks: "xenvg:1000:2", free: 3, taken: "xenvg:1000:2", want: "group rack1 has 0 of 1 nodes with 1000 MiB of memory and 1000 MiB of disk free"},
		"taken by another, elsewhere": {disks: "xenvg:1000:2", free: 3, taken: "fast:1000:2", want: "a"},
		"taken, not known how many":   {disks: "xenvg:1000:2", free: 9, taken: "-", want: "group rack1 has 0 of 1 nodes with 1000 MiB of memory and 1000 MiB of disk free"},
		"looking, nothing told":       {look: true, free: 1, want: "a"},
	} {
		i := repairtest.Instance("lost", "plain", "off", "")
		if row.drbd {
			i = repairtest.Instance("lost", "drbd", "off off2", "")
		}
		s, p := roomFor(i)
		p.Strict = !row.look
		d := p.Demands[i.UUID]
		d.Volumes = volumes(row.disks)
		p.Demands[i.UUID] = d
		for _, node := range []string{"a", "b"} {
			if row.onlyOn == "" || row.onlyOn == node {
				r := room(p, node)
				r.Exclusive, r.Spindles, r.SpindleSize = true, row.free, 1000
			}
			for _, group := range []string{"fast"} {
				room(p, node).Disk[repair.Storage{Kind: luxi.StorageLVM, Name: group}] = 5000
			}
		}
		if row.taken != "" {
			other := repairtest.Instance("other", "plain", "off", "")
			taken := repair.Demand{Disk: 1000}
			if row.taken != "-" {
				taken.Volumes = volumes(row.taken)
			}
			p.Demands[other.UUID] = taken
			for _, node := range []string{"a", "b"} {
				p.Claim(repair.Claim{By: "another", Instance: other, Nodes: []string{node}, Disk: true})
			}
		}
		if got := placed(s, p, i); got != row.want {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
	// An allocator may choose the node, too.
	i := repairtest.Instance("lost", "plain", "off", "")
	s, p := roomFor(i)
	p.Demands[i.UUID] = repair.Demand{Memory: 1000, Disk: 1000, Volumes: volumes("xenvg:1000:2")}
	other := repairtest.Instance("other", "plain", "off", "")
	p.Demands[other.UUID] = repair.Demand{Disk: 10, Volumes: volumes("xenvg:10:1")}
	for _, node := range []string{"a", "b"} {
		r := room(p, node)
		r.Exclusive, r.Spindles = true, 2
	}
	p.Claim(repair.Claim{By: "another", Instance: other, Group: "rack1-uuid", Disk: true})
	if got := placed(s, p, i); got != "another may take it on a, b" {
		t.Error(got)
	}
}

func volumes(disks string) []repair.Volume {
	var list []repair.Volume
	for _, text := range strings.Fields(disks) {
		d := disk(text)
		group := d.VolumeGroup
		if group == "xenvg" {
			group = ""
		}
		list = append(list, repair.Volume{Group: group, Size: d.Size, Spindles: d.Spindles})
	}
	return list
}

// P10, C5: what is not known is asked only of steps for which there is room as far as is
// known, about their instances and the nodes that they may go to, and nobody else.
func TestQuestions(t *testing.T) {
	for name, row := range map[string]struct {
		instances string // NAME TEMPLATE NODES [KEY=VALUE...], separated by commas
		nodes     string
		want      string
	}{
		"a chain":              {"i plain off os=debian", "", "i: data[i] lvm-vg[a b] os"},
		"nothing to install":   {"i plain off", "", "i: data[i] lvm-vg[a b]"},
		"groups are known":     {"i plain off os=x volumes=xenvg:1000", "", "i: os"},
		"in another group":     {"i plain off volumes=fast:1000", "", "i: lvm-vg[a b]"},
		"file storage":         {"i file off", "", "i: file[a b]"},
		"no memory":            {"i plain off mem=9000", "", ""},
		"memory on one":        {"i plain off mem=2500", "", "i: data[i] lvm-vg[a]"},
		"drbd, on one of two":  {"i drbd off+off2 mem=2500", "", ""},
		"one with, one not":    {"i plain off mem=9000 os=x,j file off", "", "j: file[a b]"},
		"a failover":           {"i rbd off", "", ""},
		"full cluster's group": {"i plain off disk=9000", "", "i: data[i] lvm-vg[a b]"},
		"exclusive, drbd":      {"i drbd off+off2", "exclusive", ""},
		"promised to another":  {"i plain off os=x mem=2000,j rbd off mem=2000", "", ""},
	} {
		var list []*repair.Instance
		demands := make(map[string]repair.Demand)
		for _, text := range strings.Split(row.instances, ",") {
			word := strings.Fields(text)
			i := repairtest.Instance(word[0], word[1], strings.ReplaceAll(word[2], "+", " "), "")
			d := repair.Demand{Memory: 100, Disk: 100}
			for _, w := range word[3:] {
				switch key, value, _ := strings.Cut(w, "="); key {
				case "mem":
					fmt.Sscan(value, &d.Memory)
				case "disk":
					fmt.Sscan(value, &d.Disk)
				case "os":
					d.OS = value
				case "volumes":
					d.Volumes = volumes(value)
				}
			}
			demands[i.UUID] = d
			list = append(list, i)
		}
		s, p := roomFor(list[0])
		s.Instances, p.Demands = list, demands
		if row.nodes == "exclusive" {
			room(p, "a").Exclusive, room(p, "b").Exclusive = true, true
		}
		set := repair.DefaultSettings()
		set.MaxUnhealthy = repair.Share{Percent: 100}
		q := repair.NewDraft(s, set, func() string { return "n" }).Questions(p)
		got := ""
		for _, w := range q.Due {
			got += w.Instance.Name
		}
		if got != "" {
			got += ":"
		}
		for _, op := range repair.RoomOpCodes(q, repairtest.Present) {
			switch op := op.(type) {
			case *luxi.InstanceQueryData:
				got += fmt.Sprintf(" data%v", op.Instances)
			case *luxi.NodeQueryStorage:
				got += fmt.Sprintf(" %s%v", op.StorageType, op.Nodes)
			case *luxi.OsDiagnose:
				got += " os"
			}
			if _, err := luxi.MarshalOp(op); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got != row.want || q.Empty() != (row.want == "") {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
}

// P21: what was asked in vain is asked again the later the longer the newest repair has
// waited, but every hour; for one that begins it is asked at once.
func TestQuestionsAgain(t *testing.T) {
	now := repairtest.Present
	for _, row := range []struct {
		waits []time.Duration // 0 begins now
		want  time.Duration   // after the last time
	}{
		{[]time.Duration{4 * time.Minute}, time.Minute},
		{[]time.Duration{2 * time.Hour}, 30 * time.Minute},
		{[]time.Duration{100 * time.Hour}, time.Hour},
		{[]time.Duration{100 * time.Hour, 20 * time.Minute, 50 * time.Hour}, 5 * time.Minute},
	} {
		var q repair.Questions
		for _, d := range row.waits {
			q.Due = append(q.Due, repair.Wish{Since: now.Add(-d).Unix()})
		}
		asked := now.Add(-10 * time.Minute)
		if got := q.NotBefore(now, asked).Sub(asked); got != row.want {
			t.Errorf("%v: after %v, want %v", row.waits, got, row.want)
		}
		q.Due = append(q.Due, repair.Wish{})
		if got := q.NotBefore(now, asked); got != now {
			t.Errorf("%v and one that begins: at %v", row.waits, got)
		}
	}
}
