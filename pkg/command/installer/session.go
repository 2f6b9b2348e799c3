package installer

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

// session is one command that works on an installation.
type session struct {
	*command.Call
	grammar.Given
	flags   grammar.Common
	display *progress.Display
	out     *secret.Writer // masks what goes to stdout

	connector installation.Connector
}

// open prepares a command: what is wanted, who shows how it goes, and as whom
// the cloud is asked. With exists an installation whose state is in a directory
// must be there. close ends the session.
func open(ctx context.Context, c *command.Call, flags grammar.Common, set grammar.Settings, exists bool) (*session, error) {
	s := &session{Call: c, flags: flags, out: secret.NewWriter(c.Out)}
	s.display = s.newDisplay(false)
	return s, s.begin(ctx, set, exists)
}

// openToLook is open for a command that only looks: its result says all.
func openToLook(ctx context.Context, c *command.Call, flags grammar.Common, set grammar.Settings, exists bool) (*session, error) {
	s := &session{Call: c, flags: flags, out: secret.NewWriter(c.Out)}
	s.display = s.newDisplay(true)
	return s, s.begin(ctx, set, exists)
}

// begin reads what is wanted. When it fails the session is closed.
func (s *session) begin(ctx context.Context, set grammar.Settings, exists bool) error {
	c, flags := s.Call, s.flags
	c.SendNotices(s.display.Say, s.display.Fail)
	var err error
	if s.Given, err = grammar.Read(c, flags, set); err == nil {
		s.connector = installation.Connector{
			Connector: c.Connector(), Config: s.Given.Config, CacheDir: flags.CacheDir,
			Keyring: installation.Keyring{Given: flags.OperatorKey, Dir: s.Given.Dir, Ask: s.accept, Now: now},
		}
		err = s.findAccount(ctx, exists)
	}
	if err != nil {
		err = listed(c, err) // while the display still shows lines
		s.close()
	}
	return err
}

// listed makes one line of an error that has several: those go before it.
func listed(c *command.Call, err error) error {
	var problems schema.Problems
	if !errors.As(err, &problems) || len(problems) < 2 {
		return err
	}
	for _, p := range problems {
		c.Notify(p.Error())
	}
	return fmt.Errorf("the configuration has %d problems, listed above; nothing was changed", len(problems))
}

// listed is listed with the lines of the file.
func (s *session) listed(err error) error {
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
	return listed(s.Call, located)
}

// close ends what is shown; the result comes after it.
func (s *session) close() {
	s.display.Close()
	_ = s.out.Flush()
}

// mask hides values in everything that the command prints.
func (s *session) mask(values ...secret.Value) {
	s.Mask(values...)
	s.out.Add(values...)
}

// now is the clock.
func now() time.Time { return time.Now() }

// newDisplay chooses how progress is shown.
func (s *session) newDisplay(brief bool) *progress.Display {
	o := progress.Options{Out: s.Err, Quiet: s.flags.Quiet, Brief: brief, ASCII: s.ascii(s.Terminal), Mask: s.Masked}
	switch fd, terminal := terminalOf(s.Terminal); {
	case s.flags.Output == "json":
		o.Format = progress.JSON
	case terminal && !s.Debug() && s.moves():
		o.Format, o.Color = progress.Live, s.colors(s.Terminal)
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

// colors says whether a stream is a terminal whose user has nothing against them;
// see https://no-color.org.
func (s *session) colors(stream io.Writer) bool {
	_, terminal := terminalOf(stream)
	return terminal && !s.flags.NoColor && s.Env("NO_COLOR") == "" && s.moves()
}

// moves says whether a terminal knows control sequences, as far as TERM tells.
func (s *session) moves() bool { return s.Env("TERM") != "" && s.Env("TERM") != "dumb" }

// ascii says whether a stream is to get ASCII only: the locale says so, or it is a
// terminal of which nothing says that it shows more. What is not a terminal is read by
// programs and browsers, for which a locale that is not set means nothing.
func (s *session) ascii(stream io.Writer) bool {
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

// watchSignals says, when the run is interrupted, that it is ending. What it
// gives ends the watching.
func (s *session) watchSignals(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		s.display.Say("interrupted: ending at the next safe point; a second time ends at once, and the next run puts right what that leaves")
	})
}

// installation is what the session works on.
func (s *session) installation(ctx context.Context) *bootstrap.Installation {
	i := s.connector.Join(ctx)
	i.Program, i.Files, i.Progress, i.Mask = command.Version, s.Given.Open, s.display, s.mask
	return i
}
