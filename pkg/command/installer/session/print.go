package session

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/command/installer/report"
	"github.com/perpetual-ci/perpetual/pkg/plain"
	"github.com/perpetual-ci/perpetual/pkg/progress"
)

// Print writes a result, masked. On a terminal it stands apart from what is above.
func (s *Session) Print(text string) error { return s.PrintWith(s.Masked(text), nil) }

// PrintWith writes a result whose lines paint may have coloured, once everything else in
// them that a terminal would obey is spelt out.
func (s *Session) PrintWith(text string, paint func(line string) string) error {
	if _, terminal := terminalOf(s.Stdout); !terminal {
		text = strings.TrimPrefix(text, "\n")
	}
	if text = plain.Text(text); s.ascii(s.Stdout) {
		text = progress.ASCII(text)
	}
	if paint != nil {
		lines := strings.Split(text, "\n")
		for i, line := range lines {
			lines[i] = paint(line)
		}
		text = strings.Join(lines, "\n")
	}
	if _, err := io.WriteString(s.Stdout, text); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}

// PrintObject writes a result as JSON, masked.
func (s *Session) PrintObject(v any) error {
	text, err := report.JSON(v)
	if err != nil {
		return err
	}
	return s.PrintExact(text)
}

// PrintExact writes what programs read, masked, and in no other spelling.
func (s *Session) PrintExact(text string) error {
	_, err := io.WriteString(s.out, text)
	if err = cmp.Or(err, s.out.Flush()); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}
