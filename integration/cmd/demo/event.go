package main

import (
	"fmt"
	"strconv"
	"strings"
)

// event is a line of the program's log.
type event struct {
	subject string // the instance, or ""
	text    string // the message and what goes with it
}

// parseEvent reads a line of key=value pairs, of which values may be quoted as
// in Go. The two most common messages are put in fewer words; a line that cannot
// be read is left as it is.
func parseEvent(line string) event {
	var e event
	var message string
	values := make(map[string]string)
	var rest []string
	for text := line; text != ""; {
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			return event{text: line}
		}
		if quoted, err := strconv.QuotedPrefix(value); err == nil {
			text = strings.TrimPrefix(value[len(quoted):], " ")
			if value, err = strconv.Unquote(quoted); err != nil {
				return event{text: line}
			}
		} else {
			value, text, _ = strings.Cut(value, " ")
		}
		switch key {
		case "time":
		case "level":
			if value != "INFO" {
				message = strings.ToLower(value) + ": "
			}
		case "msg":
			message += value
		case "instance":
			e.subject = value
		default:
			values[key] = value
			if value != "" {
				rest = append(rest, strings.ReplaceAll(key, "_", " ")+" "+value)
			}
		}
	}
	switch {
	case strings.HasSuffix(message, "repair job released") && values["job"] != "":
		e.text = fmt.Sprintf("repair %s (%s), permitted by %s: job %s",
			values["repair"], values["type"], values["permitted_by"], values["job"])
	case strings.HasSuffix(message, "repair ended") && values["result"] != "":
		e.text = fmt.Sprintf("repair %s: %s, %s", values["repair"], values["result"], values["why"])
	case len(rest) > 0:
		e.text = message + ": " + strings.Join(rest, ", ")
	default:
		e.text = message
	}
	return e
}
