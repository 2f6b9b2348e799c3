package document

import (
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/keyring"
	"github.com/perpetual-ci/perpetual/pkg/config"
)

// Accept asks whether what the state says may be taken, where it was changed since this
// operator's last run: what is not in a file, a flag or the environment now would come
// from there. wanted is what that makes of the configuration.
func (s *Set) Accept(wanted *config.Config) error {
	if !s.Asks || s.Keys.Inside() || !s.Known() {
		return nil
	}
	if err := s.acceptSigner(); err != nil {
		return err
	}
	if s.Lenient && !s.old && !s.replayed() {
		return nil // what is deleted is what the operator's signature is on
	}
	why, content := s.unseen(), s.content()
	if len(why) == 0 || content == s.accepted {
		return nil
	}
	lines, text := s.taken(wanted), strings.Join(why, "; ")
	back := s.replayed()
	if len(lines) > 0 || back {
		question := fmt.Sprintf("%s: %s. This would be taken from there, and was not given here:", s.Keys.Where(), text)
		if err := s.askFor(question, text, lines, back); err != nil {
			return err
		}
	}
	s.accepted = content
	return nil
}

// content tells what was read from anything else: it is read more than once in a run, and
// may be another by then.
func (s *Set) content() string {
	text := s.oldDigest
	for _, d := range s.operators() {
		text += " " + d.name + " " + d.Digest
	}
	return text
}

// askFor asks for what lines say.
func (s *Set) askFor(question, why string, lines []string, back bool) error {
	if s.AcceptStored {
		for _, line := range lines {
			s.Keys.Warn("taken from the state: " + line)
		}
		return nil
	}
	if !back { // to go back takes a flag
		yes, err := s.Keys.Operator.Accept(question, lines)
		if err != nil || yes {
			return err
		}
	}
	for _, line := range lines {
		s.Keys.Warn("in the state: " + line)
	}
	if back {
		return fmt.Errorf("%s: %s; nothing was changed: restore the last version, or, if it was put back on purpose, run again with --accept-stored", s.Keys.Where(), why)
	}
	return fmt.Errorf("%s: %s; nothing was changed: if you know who has changed it, run again with --accept-stored; otherwise set the values listed above yourself, in perpetual.yml, by flag or in the environment", s.Keys.Where(), why)
}

// unseen says what of the operator's documents this operator has not seen as it is.
func (s *Set) unseen() (why []string) {
	if s.old {
		return []string{"it is from an older release, and not signed"}
	}
	seen := s.Keys.Seen()
	for _, d := range s.operators() {
		before := seen.Serial(d.name)
		switch {
		case !d.exists || seen.Has(d.name, d.Digest):
		case d.Replayed != nil:
			why = append(why, s.older(d))
		case before == 0:
			why = append(why, fmt.Sprintf("%s, serial %d, is new to this operator", d.name, d.Envelope.Serial))
		default:
			why = append(why, fmt.Sprintf("%s has serial %d, and this operator has seen serial %d last", d.name, d.Envelope.Serial, before))
		}
	}
	return why
}

// older says that a document was put back.
func (s *Set) older(d signed) string {
	return fmt.Sprintf("%s is an older version with serial %d, and this operator has seen serial %d", d.name, d.Envelope.Serial, s.Keys.Seen().Serial(d.name))
}

// replayed says whether one of them is older than what was seen.
func (s *Set) replayed() bool {
	return slices.ContainsFunc(s.operators(), func(d signed) bool { return d.Replayed != nil })
}

// NoteAccepted notes that the operator's documents, and what create-env's state names,
// were accepted as they are.
func (s *Set) NoteAccepted() error {
	if err := s.Keys.NoteThings(); err != nil {
		return err
	}
	if s.Lenient && s.accepted == "" {
		return nil // nobody was shown them
	}
	for _, d := range s.operators() {
		if d.exists && !s.Keys.Seen().Has(d.name, d.Digest) {
			if err := s.Keys.Saw(d.name, s.resigns(), d.Version()); err != nil {
				return err
			}
		}
	}
	return nil
}

// acceptSigner asks whether the documents may be signed by another key than before.
// Whoever has the key before could have written them: they are taken only if somebody
// says so.
func (s *Set) acceptSigner() error {
	exists := slices.ContainsFunc(s.operators(), func(d signed) bool { return d.exists })
	if s.Keys.Earlier() == nil || !exists || s.acceptedSigner == s.content() {
		return nil
	}
	if !s.resigns() {
		return s.acceptNewSigner()
	}
	return s.askForSigner(s.signerLine(),
		fmt.Sprintf("%s is signed by another key than the one that signs now. What it says would be taken, and signed again:", s.Keys.Where()),
		fmt.Errorf("%s is signed by another key than the one that signs now; nothing was changed: to take what it says and have it signed again, run again with --accept-stored; to keep the key, take %s back to what it was", s.Keys.Where(), keyring.SigningKey))
}

// acceptNewSigner asks whether a key is the operator's that has signed everything, and is
// not the one that this operator has known: somebody may have made an alias lead to it.
func (s *Set) acceptNewSigner() error {
	return s.askForSigner(
		fmt.Sprintf("signed by: key %s, %s; this operator has known key %s", s.Keys.Public().ID(), s.Keys.Signer(), s.Keys.Earlier().ID()),
		fmt.Sprintf("%s is signed by a key that is new to this operator. What it says would be taken:", s.Keys.Where()),
		fmt.Errorf("%s is signed by a key that is new to this operator; nothing was changed: if it is yours, run again with --accept-stored; if not, find out where %s leads", s.Keys.Where(), keyring.SigningKey))
}

// askForSigner asks for what a line says of the keys; refused is the error after a no.
func (s *Set) askForSigner(line, question string, refused error) error {
	yes := s.AcceptStored
	if !yes {
		var err error
		if yes, err = s.Keys.Operator.Accept(question, []string{line}); err != nil {
			return err
		}
	}
	if s.AcceptStored || !yes {
		s.Keys.Warn(line)
	}
	if !yes {
		return refused
	}
	s.acceptedSigner = s.content()
	return nil
}
