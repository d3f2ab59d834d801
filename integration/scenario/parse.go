package scenario

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"ganeti-autorepair/tagstore"
)

// Start is when every scenario begins.
var Start = time.Unix(1700000000, 0).UTC()

// Scenario is a scenario as it was read.
type Scenario struct {
	Title   string
	Demands []string // "T4", "S8", ...
	// Undisturbed says why the crash matrix leaves the scenario out; empty if it
	// does not.
	Undisturbed string
	// Ends says what must come of it, written by hand: the repair jobs that began,
	// and the records of the instances (see World.Ends).
	Ends    string
	Cluster string // in luxitest's text form
	Events  []Event
	Log     string
	head    string // everything up to the log, as written
}

// Event is one line of events.
type Event struct {
	Line  int
	Text  string
	Words []string
}

var fourNodes = "node node1\nnode node2\nnode node3\nnode node4\n"

// Parse reads a scenario. Errors name the line.
func Parse(text string) (*Scenario, error) {
	head, log, found := strings.Cut(text, "-- log --\n")
	if !found {
		return nil, fmt.Errorf("there is no line \"-- log --\"")
	}
	s := &Scenario{head: head, Log: log}
	section := "title"
	var cluster []string
	for n, line := range strings.Split(head, "\n") {
		switch trimmed := strings.TrimSpace(line); {
		case strings.HasPrefix(trimmed, "-- "):
			section = strings.Trim(trimmed, "- ")
			if section != "cluster" && section != "events" {
				return nil, fmt.Errorf("line %d: unknown section %q", n+1, section)
			}
		case trimmed == "" || strings.HasPrefix(trimmed, "#"):
		case section == "cluster":
			cluster = append(cluster, line)
		case section == "events":
			s.Events = append(s.Events, Event{Line: n + 1, Text: trimmed, Words: strings.Fields(trimmed)})
		case strings.HasPrefix(trimmed, "demands:"):
			s.Demands = strings.Fields(strings.TrimPrefix(trimmed, "demands:"))
		case strings.HasPrefix(trimmed, "ends:"):
			s.Ends = strings.TrimSpace(strings.TrimPrefix(trimmed, "ends:"))
		case strings.HasPrefix(trimmed, "undisturbed:"):
			s.Undisturbed = strings.TrimSpace(strings.TrimPrefix(trimmed, "undisturbed:"))
		case s.Title == "":
			s.Title = trimmed
		}
	}
	if s.Title == "" || len(s.Demands) == 0 || s.Ends == "" || len(s.Events) == 0 {
		return nil, fmt.Errorf("a scenario has a title, demands, an end and events")
	}
	s.Cluster = clusterText(cluster)
	return s, nil
}

// Format is the scenario with another log.
func (s *Scenario) Format(log string) string { return s.head + "-- log --\n" + log }

// clusterText completes the cluster: its line, its nodes, and the prefix of tags.
func clusterText(lines []string) string {
	var first, nodes, rest []string
	for _, line := range lines {
		line = tagsWord.ReplaceAllStringFunc(line, func(word string) string {
			return "tags=" + strings.Join(Tags(strings.TrimPrefix(word, "tags=")), ",")
		})
		switch kind := strings.Fields(line)[0]; kind {
		case "cluster":
			first = append(first, line)
		case "group", "node":
			nodes = append(nodes, line)
		default:
			rest = append(rest, line)
		}
	}
	if len(first) == 0 {
		first = []string{"cluster c"}
	}
	all := strings.Join(first, "\n") + "\n" + strings.Join(nodes, "\n") + "\n"
	if !strings.Contains(all, "\nnode ") {
		all += fourNodes
	}
	return all + strings.Join(rest, "\n") + "\n"
}

var tagsWord = regexp.MustCompile(`tags=\S+`)

// Tags gives a comma-separated list of tags their prefix, and times their value;
// "=tag" is a tag without the prefix.
func Tags(list string) []string {
	var tags []string
	for _, body := range strings.Split(list, ",") {
		body = nowWord.ReplaceAllStringFunc(body, func(word string) string {
			n, _ := strconv.ParseInt(strings.TrimPrefix(word, "NOW"), 10, 64) // none is 0
			return strconv.FormatInt(Start.Unix()+n, 10)
		})
		if strings.HasPrefix(body, "=") {
			tags = append(tags, body[1:])
		} else {
			tags = append(tags, tagstore.Prefix+body)
		}
	}
	return tags
}

var nowWord = regexp.MustCompile(`NOW([+-]\d+)?`)
