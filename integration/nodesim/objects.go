package nodesim

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// arguments are the arguments of a call. err is the first error in reading them. answered
// is what is to be done once the call is answered, or nil.
type arguments struct {
	list     []json.RawMessage
	err      error
	answered func()
}

// get decodes the n-th argument, if there is one.
func (a *arguments) get(n int, into interface{}) {
	if a.err != nil || n >= len(a.list) {
		if a.err == nil {
			a.err = fmt.Errorf("argument %d is missing", n)
		}
		return
	}
	if err := json.Unmarshal(a.list[n], into); err != nil {
		a.err = fmt.Errorf("argument %d: %w", n, err)
	}
}

func (a *arguments) text(n int) string {
	var s string
	a.get(n, &s)
	return s
}

func (a *arguments) flag(n int) bool {
	var b bool
	a.get(n, &b)
	return b
}

func (a *arguments) disk(n int) disk {
	var d disk
	a.get(n, &d)
	return d
}

func (a *arguments) disks(n int) []disk {
	var d []disk
	a.get(n, &d)
	return d
}

func (a *arguments) instance(n int) instance {
	var i instance
	a.get(n, &i)
	return i
}

// instance is Ganeti's object of that name as far as a node looks at it.
type instance struct {
	Name       string `json:"name"`
	Hypervisor string `json:"hypervisor"`
	Primary    string `json:"primary_node"`
	OS         string `json:"os"`
	BEParams   struct {
		MinMem int `json:"minmem"`
		MaxMem int `json:"maxmem"`
		VCPUs  int `json:"vcpus"`
	} `json:"beparams"`
	Disks []disk `json:"disks_info"`
}

// disk is Ganeti's object of that name.
type disk struct {
	DevType   string            `json:"dev_type"`
	LogicalID []json.RawMessage `json:"logical_id"`
	Size      int               `json:"size"` // MiB
	Spindles  int               `json:"spindles"`
	UUID      string            `json:"uuid"`
	IVName    string            `json:"iv_name"`
	Children  []disk            `json:"children"`
}

// word returns a part of the logical id as text; "" if it is null.
func (d disk) word(n int) string {
	var s string
	if n < len(d.LogicalID) {
		_ = json.Unmarshal(d.LogicalID[n], &s)
	}
	return s
}

// key names the volume on a node, or the shared one, that the disk is. That of a
// drbd disk is its data volume's.
func (d disk) key() string {
	switch d.DevType {
	case "drbd":
		if len(d.Children) > 0 {
			return d.Children[0].key()
		}
		return "drbd:?"
	case "plain":
		return volumeKey(d.word(0), d.word(1))
	}
	return d.DevType + ":" + d.word(1)
}

// volumeKey returns the key of a logical volume.
func volumeKey(group, name string) string { return "lvm:" + group + "/" + name }

// groupOf returns the volume group in a key, "" if it is the key of a file.
func groupOf(key string) string {
	if !strings.HasPrefix(key, "lvm:") {
		return ""
	}
	group, _, _ := strings.Cut(strings.TrimPrefix(key, "lvm:"), "/")
	return group
}

// path returns the path of the device of a volume.
func path(key string) string { return "/dev/" + strings.TrimPrefix(key, "lvm:") }

// number returns which disk of the instance it is, by its iv_name; -1 if it has none.
func (d disk) number() int {
	if n, err := strconv.Atoi(strings.TrimPrefix(d.IVName, "disk/")); err == nil {
		return n
	}
	return -1
}

// local reports whether the disk is on the node alone.
func (d disk) local() bool {
	return d.DevType == "plain" || d.DevType == "file" || d.DevType == "drbd"
}

// networked reports whether a drbd disk has a port: without one a device stands
// alone.
func (d disk) networked() bool {
	return d.DevType == "drbd" && len(d.LogicalID) > 2 && string(d.LogicalID[2]) != "null"
}

// peer returns the UUID of the drbd disk's other node.
func (d disk) peer(self string) string {
	if d.word(0) == self {
		return d.word(1)
	}
	return d.word(0)
}

// minor returns the minor number of the drbd disk's device on a node.
func (d disk) minor(self string) int {
	part := 3
	if d.word(0) != self {
		part = 4
	}
	var n int
	if part < len(d.LogicalID) {
		_ = json.Unmarshal(d.LogicalID[part], &n)
	}
	return n
}

// instanceOf tells which instance a call is about, "" if none.
func (f *Fleet) instanceOf(call string, args []json.RawMessage) string {
	for _, raw := range args {
		var i instance
		if json.Unmarshal(raw, &i) == nil && i.Name != "" && i.Hypervisor != "" {
			return i.Name
		}
	}
	switch call {
	case "instance_info":
		var name string
		if len(args) > 0 && json.Unmarshal(args[0], &name) == nil {
			return name
		}
	case "blockdev_create":
		var name string
		if len(args) > 2 && json.Unmarshal(args[2], &name) == nil {
			return name
		}
	}
	// Disks know whose they are by their volumes.
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, raw := range args {
		var one disk
		if json.Unmarshal(raw, &one) == nil && one.DevType != "" {
			return f.ownerOf(one)
		}
		var several []disk
		if json.Unmarshal(raw, &several) == nil && len(several) > 0 && several[0].DevType != "" {
			return f.ownerOf(several[0])
		}
	}
	return ""
}

func (f *Fleet) ownerOf(d disk) string {
	key := d.key()
	if v := f.shared[key]; v != nil {
		return v.owner
	}
	for _, n := range f.nodes {
		if v := n.volumes[key]; v != nil {
			return v.owner
		}
	}
	return ""
}

// mustConvert turns a value into another type by way of JSON.
func mustConvert(from, into interface{}) {
	data, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		panic("nodesim: " + err.Error())
	}
}
