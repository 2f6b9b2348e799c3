package session

import (
	"bufio"
	"context"
	"fmt"
	"strings"
)

// Interactive says whether somebody is there to ask: questions and answers go over a
// terminal.
func (s *Session) Interactive() bool {
	_, asks := terminalOf(s.Terminal)
	_, answers := terminalOf(s.In)
	return asks && answers
}

// Answer reads a line; a signal ends the wait.
func (s *Session) Answer(ctx context.Context) (string, error) {
	type result struct {
		text string
		err  error
	}
	read := make(chan result, 1)
	go func() {
		text, err := bufio.NewReader(s.In).ReadString('\n')
		read <- result{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case got := <-read:
		return got.text, got.err
	}
}

// accept asks on a terminal whether something is to be taken.
func (s *Session) accept(ctx context.Context, question string, lines []string) (bool, error) {
	if !s.Interactive() || s.JSON() {
		return false, nil
	}
	for _, line := range append([]string{question}, lines...) {
		s.Display.Say(line)
	}
	s.Display.Say("Type yes to take it:")
	answer, err := s.Answer(ctx)
	if ctx.Err() != nil {
		return false, fmt.Errorf("nothing was changed: %w", context.Cause(ctx))
	}
	if err != nil && answer == "" {
		return false, nil
	}
	return strings.TrimSpace(answer) == "yes", nil
}
