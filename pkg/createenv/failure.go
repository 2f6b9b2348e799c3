package createenv

import (
	"errors"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/createenv/cause"
	"github.com/perpetual-ci/perpetual/pkg/createenv/cpi"
	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
	"github.com/perpetual-ci/perpetual/pkg/createenv/workspace"
)

// wrap is the error that a caller sees: the step, the cause, what exists and what
// to do. Secrets among the variables are masked in it.
func (s *session) wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	out := &failure{}
	inner := cause.Innermost(err)
	text := cause.Of(err)
	for _, known := range []error{ledger.ErrState, cpi.ErrProgram, workspace.ErrBusy} {
		if errors.Is(inner, known) {
			out.is = append(out.is, known)
		}
	}
	stop := cause.Stopped(s.ctx)
	switch broken := s.writer.Failure(); {
	case broken != nil:
		text, out.is = broken.Error(), append(out.is, broken)
	case stop != nil:
		// Whatever else failed, failed because nothing may begin any more.
		text, out.is = stop.Error(), append(out.is, stop)
		if s.cpi.Left() != "" {
			text += fmt.Sprintf(": the CPI's %s goes on by itself; the next run takes over what it made", s.cpi.Left())
		}
	case s.failed != "":
		text = s.failed + ": " + text
	}
	out.text = s.mask(fmt.Sprintf("%s: %s; %s", doing, text, s.remains()))
	return out
}

// failure is an error whose text has been masked; it says what it is of ours.
type failure struct {
	text string
	is   []error
}

func (f *failure) Error() string   { return f.text }
func (f *failure) Unwrap() []error { return f.is }

// remains says what is there, for the end of an error.
func (s *session) remains() string {
	var parts []string
	state, journal := s.state.Recorded(), s.cpi.Journal()
	_, _ = ledger.Reconcile(journal, &state, s.uuids) // with what was made and could not be recorded
	if r := result(state); r.VM != "" {
		parts = append(parts, "VM "+r.VM)
	}
	for _, d := range state.Disks {
		parts = append(parts, "disk "+d.CID)
	}
	for _, c := range state.Stemcells {
		parts = append(parts, "stemcell "+c.CID)
	}
	text := "nothing was created"
	if s.cpi.Left() != "" {
		text = "nothing else was created"
	}
	if len(parts) > 0 {
		text = "there is " + strings.Join(parts, ", ")
		if s.writer.Failure() != nil {
			text += ", which may not be recorded"
		}
	}
	for _, c := range journal.Calls {
		if c.LostCreation() {
			text += fmt.Sprintf("; the CPI gave no answer: look for %s and delete it", c)
		}
	}
	return text + "; run again to go on"
}

// mask hides the secrets among the variables.
func (s *session) mask(text string) string { return s.masker.Mask(text) }
