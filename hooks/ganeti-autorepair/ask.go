package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// yesFlag is the flag of commands that ask before they do something.
type yesFlag struct {
	Yes bool `help:"Do not ask, for scripts."`
}

// openTTY opens the terminal of this process to ask a person, whatever its standard
// input is, as Ganeti's own tools do (lib/utils/io.py OpenTTY).
func openTTY() (io.ReadWriteCloser, error) { return os.OpenFile("/dev/tty", os.O_RDWR, 0) }

// confirm returns an error unless a person says yes to the sentence, which ends
// without a full stop. Where no terminal can be asked the answer is no, as for
// Ganeti's own tools (lib/cli.py AskUser), which then end with EXIT_CONFIRMATION
// where they have a code for it (lib/client/gnt_node.py, gnt_job.py).
func (e *env) confirm(ctx context.Context, sentence string) error {
	answer, err := e.answer(ctx, strings.Join(wrap(sentence+". Go on?", 78), "\n")+"\ny/[n]: ")
	if errors.Is(err, errNoTTY) {
		return notConfirmed(fmt.Errorf("%s; nothing is done, as there is no terminal to ask on", lowerFirst(sentence)), "the same command with --yes")
	}
	if err != nil {
		return err
	}
	if a := strings.ToLower(answer); a != "y" && a != "yes" {
		return notConfirmed(errors.New("nothing is done: the answer was not y"), "")
	}
	return nil
}

// errNoTTY says that there is nobody to ask.
var errNoTTY = errors.New("there is no terminal to ask on")

// answer asks a person and returns the line that is typed, without space around it.
func (e *env) answer(ctx context.Context, question string) (string, error) {
	tty, err := e.tty()
	if err != nil {
		return "", errNoTTY
	}
	defer tty.Close()
	fmt.Fprint(tty, question)
	typed := make(chan string, 1)
	// A signal must end the command, and not wait for a line. The process ends then,
	// and with it the reader.
	go func() {
		line, _ := bufio.NewReader(tty).ReadString('\n')
		typed <- line
	}()
	select {
	case line := <-typed:
		return strings.TrimSpace(line), nil
	case <-ctx.Done():
		fmt.Fprintln(tty)
		return "", errors.New("stopped by a signal; nothing is done")
	}
}

// notConfirmed is the error of a command to which nobody said yes.
func notConfirmed(err error, hint string) error {
	return &hintError{code: exitConfirmation, err: err, hint: hint}
}

func lowerFirst(text string) string { return strings.ToLower(text[:1]) + text[1:] }
