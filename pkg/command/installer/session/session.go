// Package session is one run of a verb on an installation: what is wanted of it, who
// shows how it goes, whom it may ask, and how its result is printed.
package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/command/grammar"
	"github.com/perpetual-ci/perpetual/pkg/config/schema"
	"github.com/perpetual-ci/perpetual/pkg/connect/installation"
	"github.com/perpetual-ci/perpetual/pkg/progress"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Session is one run of a verb on an installation.
type Session struct {
	*command.Call
	grammar.Given
	Flags   grammar.Common
	Display *progress.Display // shows how it goes; Close it before a result is printed
	out     *secret.Writer    // masks what goes to stdout

	connector installation.Connector
}

// Open prepares a command: what is wanted, who shows how it goes, and as whom
// the cloud is asked. With exists an installation whose state is in a directory
// must be there. Close ends the session.
func Open(ctx context.Context, c *command.Call, flags grammar.Common, set grammar.Settings, exists bool) (*Session, error) {
	s := &Session{Call: c, Flags: flags, out: secret.NewWriter(c.Out)}
	s.Display = s.newDisplay(false)
	return s, s.begin(ctx, set, exists)
}

// OpenToLook is Open for a command that only looks: its result says all.
func OpenToLook(ctx context.Context, c *command.Call, flags grammar.Common, set grammar.Settings, exists bool) (*Session, error) {
	s := &Session{Call: c, Flags: flags, out: secret.NewWriter(c.Out)}
	s.Display = s.newDisplay(true)
	return s, s.begin(ctx, set, exists)
}

// begin reads what is wanted. When it fails the session is closed.
func (s *Session) begin(ctx context.Context, set grammar.Settings, exists bool) error {
	c, flags := s.Call, s.Flags
	c.SendNotices(s.Display.Say, s.Display.Fail)
	var err error
	if s.Given, err = grammar.Read(c, flags, set); err == nil {
		s.connector = installation.Connector{
			Connector: c.Connector(), Config: s.Given.Config, CacheDir: flags.CacheDir,
			Keyring: installation.Keyring{Given: flags.OperatorKey, Dir: s.Given.Dir, Ask: s.accept, Now: time.Now},
		}
		err = s.findAccount(ctx, exists)
	}
	if err != nil {
		err = List(c, err) // while the display still shows lines
		s.Close()
	}
	return err
}

// List makes one line of an error that has several: those are notices before it.
func List(c *command.Call, err error) error {
	var problems schema.Problems
	if !errors.As(err, &problems) || len(problems) < 2 {
		return err
	}
	for _, p := range problems {
		c.Notify(p.Error())
	}
	return fmt.Errorf("the configuration has %d problems, listed above; nothing was changed", len(problems))
}

// Locate is List, with the lines of the file in which the problems are. Other errors it
// gives back as they are.
func (s *Session) Locate(err error) error {
	var problems schema.Problems
	if !errors.As(err, &problems) {
		return err
	}
	var at *step.Error
	located := s.Given.Source.Locate(problems)
	schema.SortByLine(located)
	if len(located) == 1 && errors.As(err, &at) {
		return &step.Error{Step: at.Step, Err: located}
	}
	return List(s.Call, located)
}

// Close ends what is shown; the result comes after it.
func (s *Session) Close() {
	s.Display.Close()
	_ = s.out.Flush()
}

// mask hides values in everything that the command prints.
func (s *Session) mask(values ...secret.Value) {
	s.Mask(values...)
	s.out.Add(values...)
}

// JSON says whether the result is to be one object, for programs.
func (s *Session) JSON() bool { return s.Flags.Output == "json" }

// newDisplay chooses how progress is shown.
func (s *Session) newDisplay(brief bool) *progress.Display {
	o := progress.Options{Out: s.Err, Quiet: s.Flags.Quiet, Brief: brief, ASCII: s.ascii(s.Terminal), Mask: s.Masked}
	switch fd, terminal := terminalOf(s.Terminal); {
	case s.JSON():
		o.Format = progress.JSON
	case terminal && !s.Debug() && s.moves():
		o.Format, o.Color = progress.Live, s.Colors(s.Terminal)
		o.Out = s.Terminal // whose control sequences are not to be spelt out
		o.Width = func() int {
			width, _, err := term.GetSize(fd)
			if err != nil {
				return 0
			}
			return width
		}
	}
	return progress.New(o)
}

// Colors says whether a stream is a terminal whose user has nothing against them;
// see https://no-color.org.
func (s *Session) Colors(stream io.Writer) bool {
	_, terminal := terminalOf(stream)
	return terminal && !s.Flags.NoColor && s.Env("NO_COLOR") == "" && s.moves()
}

// moves says whether a terminal knows control sequences, as far as TERM tells.
func (s *Session) moves() bool { return s.Env("TERM") != "" && s.Env("TERM") != "dumb" }

// ascii says whether a stream is to get ASCII only: the locale says so, or it is a
// terminal of which nothing says that it shows more. What is not a terminal is read by
// programs and browsers, for which a locale that is not set means nothing.
func (s *Session) ascii(stream io.Writer) bool {
	locale := cmp.Or(s.Env("LC_ALL"), s.Env("LC_CTYPE"), s.Env("LANG"))
	encoding := strings.ReplaceAll(strings.ToLower(locale), "-", "")
	if _, terminal := terminalOf(stream); terminal {
		return !strings.Contains(encoding, "utf8") || !s.moves()
	}
	return locale != "" && !strings.Contains(encoding, "utf8")
}

// terminalOf gives the descriptor of a stream that is a terminal.
func terminalOf(stream any) (fd int, ok bool) {
	f, ok := stream.(interface{ Fd() uintptr })
	if !ok {
		return 0, false
	}
	return int(f.Fd()), term.IsTerminal(int(f.Fd()))
}

// WatchSignals says, when the run is interrupted, that it is ending. What it
// gives ends the watching.
func (s *Session) WatchSignals(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		s.Display.Say("interrupted: ending at the next safe point; a second time ends at once, and the next run puts right what that leaves")
	})
}

// Installation is what the session works on.
func (s *Session) Installation(ctx context.Context) *bootstrap.Installation {
	i := s.connector.Join(ctx)
	i.Program, i.Files, i.Progress, i.Mask = command.Version, s.Given.Open, s.Display, s.mask
	return i
}
