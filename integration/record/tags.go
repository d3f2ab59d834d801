package record

import (
	"regexp"
	"strings"
	"time"

	"ganeti-autorepair/integration/judge"
	"ganeti-autorepair/luxi/luxitest"
)

var (
	tagEffect    = regexp.MustCompile(`^(cluster|group \S+|instance \S+): tag (\S+) (added|removed)$`)
	renameEffect = regexp.MustCompile(`^instance (\S+): renamed to (\S+)$`)
	editLine     = regexp.MustCompile(`^edit: ([+-]) ((?:cluster|group|instance) \S+)(?:.*\btags=(\S+))?`)
)

// tagChanges lists what jobs and people did to tags, by the master's log. The lines of an
// edit end with any other line, see Edited.
func tagChanges(log []luxitest.LogEntry) []judge.Change {
	var list []judge.Change
	edit := newEdit()
	now := make(map[string]string) // the present names of those that people have renamed, which the log of jobs under way does not use
	end := func() {
		for _, c := range edit.changes() {
			if c.Renamed != "" {
				now[c.Object] = c.Renamed
			}
			list = append(list, c)
		}
		edit = newEdit()
	}
	name := func(words string) string {
		object := objectName(words)
		if renamed := now[object]; renamed != "" {
			return renamed
		}
		return object
	}
	for _, e := range log {
		if m := editLine.FindStringSubmatch(e.Text); e.Kind == luxitest.LogTest && m != nil {
			edit.line(m[1], objectName(m[2]), m[3])
			edit.at = e.At
			continue
		}
		end()
		if e.Kind != luxitest.LogEffect {
			continue
		}
		if m := tagEffect.FindStringSubmatch(e.Text); m != nil {
			list = append(list, judge.Change{Time: e.At, Object: name(m[1]), Tag: m[2], Added: m[3] == "added", Ours: strings.HasPrefix(m[2], judge.Prefix)})
		} else if m := renameEffect.FindStringSubmatch(e.Text); m != nil {
			list = append(list, judge.Change{Time: e.At, Object: m[1], Renamed: m[2]})
		}
	}
	end()
	return list
}

// edit is what people changed at once. Each line stands for a whole object as it was,
// or as it is.
type edit struct {
	at      time.Time
	there   map[string]int // objects: 1 for new ones, -1 for those that went
	tags    map[[2]string]int
	objects []string
	order   [][2]string
}

func newEdit() *edit { return &edit{there: make(map[string]int), tags: make(map[[2]string]int)} }

func (e *edit) line(sign, object, tags string) {
	n := map[string]int{"+": 1, "-": -1}[sign]
	if _, known := e.there[object]; !known {
		e.objects = append(e.objects, object)
	}
	e.there[object] += n
	for _, tag := range strings.FieldsFunc(tags, func(c rune) bool { return c == ',' }) {
		key := [2]string{object, tag}
		if _, known := e.tags[key]; !known {
			e.order = append(e.order, key)
		}
		e.tags[key] += n
	}
}

// changes lists the tags that went and came. An object that went while a new one came
// was renamed.
func (e *edit) changes() []judge.Change {
	gone, come := "", ""
	for _, object := range e.objects {
		switch e.there[object] {
		case -1:
			gone = object
		case 1:
			come = object
		}
	}
	if gone != "" && come != "" {
		return []judge.Change{{Time: e.at, Object: gone, Renamed: come}}
	}
	var list []judge.Change
	for _, key := range e.order {
		if n := e.tags[key]; n != 0 {
			list = append(list, judge.Change{Time: e.at, Object: key[0], Tag: key[1], Added: n > 0})
		}
	}
	return list
}

func objectName(words string) string {
	kind, name, _ := strings.Cut(words, " ")
	switch kind {
	case "group":
		return "group:" + name
	case "instance":
		return name
	}
	return kind
}

// Edited ends the lines of an edit in the master's log. It is to be called after each
// edit, as those of two that follow each other would be taken for one.
func Edited(m *luxitest.Master) { m.Note("edited") }
