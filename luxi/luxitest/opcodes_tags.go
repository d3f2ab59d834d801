package luxitest

import (
	"regexp"
	"sort"
	"strings"
	"time"
)

const (
	maxTagLength = 128  // constants.MAX_TAG_LEN
	maxTags      = 4096 // constants.MAX_TAGS_PER_OBJ
)

// validTag implements TaggableObject.VALID_TAG_RE (py:objects.py), of which the ASCII part.
var validTag = regexp.MustCompile(`^[\w.+*/:@-]+$`)

// tagTarget finds the tags of an object, and the lock that protects them.
type tagTarget struct {
	lock  string
	level int
	tags  func() *[]string // nil when the object is gone
	what  string
}

// findTags implements TagsLU.ExpandNames (py:cmdlib/tags.py). Instances are found by name, never by UUID.
func (m *Master) findTags(kind, name string) (*tagTarget, *opError) {
	c := m.cluster
	switch kind {
	case "cluster":
		return &tagTarget{tags: func() *[]string { return &c.Tags }, what: "cluster"}, nil
	case "node":
		n := c.expandNode(name)
		if n == nil {
			return nil, prereq(codeNoEnt, "Node '%s' not known", name)
		}
		uuid := n.UUID
		return &tagTarget{"node/" + n.UUID, levelNode, func() *[]string {
			if n := c.nodeByUUID(uuid); n != nil {
				return &n.Tags
			}
			return nil
		}, "node " + n.Name}, nil
	case "nodegroup":
		for _, g := range c.Groups {
			if g.Name == name || g.UUID == name {
				g := g
				return &tagTarget{"nodegroup/" + g.UUID, levelGroup, func() *[]string { return &g.Tags }, "group " + g.Name}, nil
			}
		}
		return nil, prereq(codeNoEnt, "Node group '%s' not found", name)
	case "instance":
		i := c.expandInstance(name)
		if i == nil {
			return nil, prereq(codeNoEnt, "Instance '%s' not known", name)
		}
		uuid := i.UUID
		return &tagTarget{"instance/" + i.Name, levelInstance, func() *[]string {
			if i := c.instanceByUUID(uuid); i != nil {
				return &i.Tags
			}
			return nil
		}, "instance " + i.Name}, nil
	}
	return nil, prereq(codeNoEnt, "Network '%s' not found", name)
}

func (m *Master) prepareTags(op *queuedOp) (*execution, *opError) {
	target, err := m.findTags(op.text("kind"), op.text("name"))
	if err != nil {
		return nil, err
	}
	tags := op.list("tags")
	adding := op.id == "OP_TAGS_SET"
	e := &execution{}
	e.locks = func(level int) lockSet {
		if target.lock != "" && level == target.level {
			return lockSet{target.lock: true}
		}
		return nil
	}
	e.check = func(*execution) *opError {
		if target.tags() == nil {
			return execError("Cannot retrieve locked %s", target.what)
		}
		for _, t := range tags {
			if err := checkTag(t); err != nil {
				return err
			}
		}
		if missing := missingTags(tags, *target.tags()); !adding && len(missing) > 0 {
			return prereq(codeNoEnt, "Tag(s) %s not found", strings.Join(missing, ", "))
		}
		return nil
	}
	// A tag that is listed twice is gone at the second time: TaggableObject.RemoveTag.
	twice := false
	for k, t := range tags {
		twice = twice || contains(tags[:k], t)
	}
	e.steps = []step{{after: m.duration(op), point: AtConfig, do: func(*execution) *opError {
		list := target.tags()
		if list == nil {
			return execError("%s is gone", target.what)
		}
		for _, n := range m.cluster.Nodes {
			if list == &n.Tags {
				n.MTime = m.now
			}
		}
		if twice && !adding {
			return &opError{"TagError", []string{"Tag not found"}}
		}
		for _, t := range tags {
			if !adding {
				*list = without(*list, t)
				m.effect("%s: tag %s removed", target.what, t)
				continue
			}
			if contains(*list, t) {
				continue
			}
			if len(*list) >= maxTags {
				return execError("Error while setting tag: Too many tags")
			}
			*list = with(*list, t)
			m.effect("%s: tag %s added", target.what, t)
		}
		return nil
	}}}
	return e, nil
}

// checkTag implements TaggableObject.ValidateTag.
func checkTag(tag string) *opError {
	problem := ""
	switch {
	case len(tag) > maxTagLength:
		problem = "Tag too long (>128 characters)"
	case tag == "":
		problem = "Tags cannot be empty"
	case !validTag.MatchString(tag):
		problem = "Tag contains invalid characters"
	default:
		return nil
	}
	return &opError{"TagError", []string{problem}}
}

func missingTags(tags, present []string) []string {
	var missing []string
	for _, t := range tags {
		if q := "'" + t + "'"; !contains(present, t) && !contains(missing, q) {
			missing = append(missing, q)
		}
	}
	sort.Strings(missing)
	return missing
}

// prepareDelay prepares LUTestDelay (py:cmdlib/test.py), which takes the locks of its nodes whatever no_locks says.
func (m *Master) prepareDelay(op *queuedOp) (*execution, *opError) {
	seconds := op.params["duration"].(float64)
	if seconds <= 0 {
		return nil, &opError{"OpPrereqError", []string{"Duration must be greater than zero"}}
	}
	var nodes []string
	for _, name := range op.list("on_nodes") {
		n := m.cluster.expandNode(name)
		if n == nil {
			return nil, prereq(codeNoEnt, "Node '%s' not known", name)
		}
		nodes = with(nodes, n.Name)
	}
	if op.flag("on_master") {
		nodes = with(nodes, m.cluster.Master)
	}
	uuids := []string{}
	for _, name := range nodes {
		uuids = append(uuids, m.cluster.Node(name).UUID)
	}
	op.params["on_node_uuids"] = uuids
	repeat := op.params["repeat"].(int64)
	if repeat == 0 {
		repeat = 1
	}
	e := &execution{}
	e.locks = func(level int) lockSet {
		if level == levelNode {
			return m.nodeLocks(nodes)
		}
		return nil
	}
	e.steps = []step{{
		after: time.Duration(seconds * float64(repeat) * float64(time.Second)),
		do: func(*execution) *opError {
			for _, name := range nodes {
				if fail := m.rpc(name); fail != "" {
					return execError("Failure during rpc call to node %s: %s", name, fail)
				}
			}
			return nil
		},
	}}
	return e, nil
}
