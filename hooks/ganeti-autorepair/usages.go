package main

import (
	"bytes"
	"strings"

	"github.com/alecthomas/kong"
)

// usages are the arguments of the commands, in the words of the manual. kong cannot
// say that a list of objects is followed by a type.
var usages = map[string]string{
	"status":      "[INSTANCE...]",
	"explain":     "INSTANCE",
	"nodes":       "[NODE...]",
	"rehearse":    "[NODE...]",
	"policy":      "[OBJECT...] [TYPE|none]",
	"suspend":     "OBJECT...",
	"resume":      "OBJECT...",
	"repair":      "INSTANCE... TYPE",
	"ack":         "INSTANCE...",
	"cancel":      "INSTANCE...",
	"vouch":       "NODE...",
	"history":     "[INSTANCE]",
	"report":      "FILE",
	"list-fields": "[FIELD...]",
}

// printHelp prints the help of a command, with a usage line that names every argument.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	out := ctx.Stdout
	var text bytes.Buffer
	ctx.Stdout = &text
	err := kong.DefaultHelpPrinter(options, ctx)
	ctx.Stdout = out
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(text.String(), "\n")
	usage := "Usage: ganeti-autorepair COMMAND [FLAG...] [ARGUMENT...]"
	if node := ctx.Selected(); node != nil {
		usage = strings.TrimSpace("Usage: ganeti-autorepair " + node.Name + " [FLAG...] " + usages[node.Name])
	}
	_, err = out.Write([]byte(usage + "\n" + rest))
	return err
}

// helpWidth returns how wide help is: 80 columns, or the terminal if that is narrower.
func (t terminal) helpWidth() int {
	if t.columns > 0 && t.columns < 80 {
		return t.columns
	}
	return 80
}
