package bootstrap

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/selection"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/difference"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// accept asks whether what the state says may be taken, where it was changed since this
// operator's last run: what is not in a file, a flag or the environment now would come
// from there.
func (r *run) accept() error {
	if !r.asks || r.inside || !r.known() {
		return nil
	}
	if err := r.acceptSigner(); err != nil {
		return err
	}
	if r.lenient && !r.old && !r.replayed() {
		return nil // what is deleted is what the operator's signature is on
	}
	why, content := r.unseen(), r.content()
	if len(why) == 0 || content == r.accepted {
		return nil
	}
	lines, text := r.taken(), strings.Join(why, "; ")
	back := r.replayed()
	if len(lines) > 0 || back {
		question := fmt.Sprintf("%s: %s. This would be taken from there, and was not given here:", storeName(r), text)
		if err := r.askFor(question, text, lines, back); err != nil {
			return err
		}
	}
	r.accepted = content
	return nil
}

// content tells what was read from anything else: it is read more than once in a run, and
// may be another by then.
func (r *run) content() string {
	text := r.oldDigest
	for _, d := range r.sealedDocuments() {
		text += " " + d.name + " " + d.digest
	}
	return text
}

// askFor asks for what lines say.
func (r *run) askFor(question, why string, lines []string, back bool) error {
	if r.options.AcceptStored {
		for _, line := range lines {
			r.warn("taken from the state: " + line)
		}
		return nil
	}
	if !back { // to go back takes a flag
		yes, err := r.Operator.Accept(question, lines)
		if err != nil || yes {
			return err
		}
	}
	for _, line := range lines {
		r.warn("in the state: " + line)
	}
	if back {
		return fmt.Errorf("%s: %s; nothing was changed: restore the last version, or, if it was put back on purpose, run again with --accept-stored", storeName(r), why)
	}
	return fmt.Errorf("%s: %s; nothing was changed: if you know who has changed it, run again with --accept-stored; otherwise set the values listed above yourself, in perpetual.yml, by flag or in the environment", storeName(r), why)
}

// unseen says what of the operator's documents this operator has not seen as it is.
func (r *run) unseen() (why []string) {
	if r.old {
		return []string{"it is from an older release, and not signed"}
	}
	for _, d := range r.sealedDocuments() {
		before := r.seen.serial(d.name)
		switch {
		case !d.exists || r.seen.has(d.name, d.digest):
		case d.replayed != nil:
			why = append(why, r.older(d))
		case before == 0:
			why = append(why, fmt.Sprintf("%s, serial %d, is new to this operator", d.name, d.serial))
		default:
			why = append(why, fmt.Sprintf("%s has serial %d, and this operator has seen serial %d last", d.name, d.serial, before))
		}
	}
	return why
}

// older says that a document was put back.
func (r *run) older(d sealedDocument) string {
	return fmt.Sprintf("%s is an older version with serial %d, and this operator has seen serial %d", d.name, d.serial, r.seen.serial(d.name))
}

// replayed says whether one of them is older than what was seen.
func (r *run) replayed() bool {
	return slices.ContainsFunc(r.sealedDocuments(), func(d sealedDocument) bool { return d.replayed != nil })
}

// sealedDocument is one of the operator's documents without its content.
type sealedDocument struct {
	name     string
	exists   bool
	digest   string
	serial   int64
	replayed error
	former   bool
	wrapped  string
}

// sealedDocuments are those that were read.
func (r *run) sealedDocuments() []sealedDocument {
	list := []sealedDocument{{r.statement.name, r.statement.exists, r.statement.digest, r.statement.envelope.Serial, r.statement.replayed, r.statement.former, r.statement.wrapped}}
	for _, d := range []*sealed[secret.Values]{r.credentialDocument, r.viewDocument} {
		if d != nil {
			list = append(list, sealedDocument{d.name, d.exists, d.digest, d.envelope.Serial, d.replayed, d.former, d.wrapped})
		}
	}
	return list
}

// noteAccepted notes that the operator's documents, and what create-env's state names,
// were accepted as they are.
func (r *run) noteAccepted() error {
	if before, err := r.lastSeen(); err != nil {
		return err
	} else if !slices.Equal(before.Things, r.seen.Things) {
		if err := r.Operator.Saw(r.seen); err != nil {
			return fmt.Errorf("note what was accepted: %w", err)
		}
	}
	if r.lenient && r.accepted == "" {
		return nil // nobody was shown them
	}
	for _, d := range r.sealedDocuments() {
		if d.exists && !r.seen.has(d.name, d.digest) {
			if err := r.saw(d.name, Version{Serial: d.serial, Digest: d.digest}); err != nil {
				return err
			}
		}
	}
	return nil
}

// forget forgets what was seen, before it is deleted.
func (r *run) forget() error {
	if r.Operator == nil {
		return nil
	}
	if err := r.Operator.Saw(Seen{}); err != nil {
		return fmt.Errorf("forget what was seen: %w", err)
	}
	return nil
}

// taken lists what comes from the state and was not given now, with secrets hidden.
func (r *run) taken() (lines []string) {
	for _, c := range config.Diff(r.Given, r.wantedConfig) {
		lines = append(lines, fmt.Sprintf("%s: %s → %s", c.Key, cmp.Or(c.Old, "not given"), cmp.Or(c.New, "not set")))
	}
	given, wanted := userFiles(r.Given), userFiles(r.wantedConfig)
	for _, name := range slices.Sorted(maps.Keys(r.said.files)) {
		if slices.Contains(wanted, name) && !slices.Contains(given, name) {
			lines = append(lines, r.fileLines(name)...)
		}
	}
	if r.old && len(r.credentials) > 0 {
		lines = append(lines, fmt.Sprintf("the %d generated credentials", len(r.credentials)))
	}
	return append(lines, chosenLines(r.said.choice)...)
}

// fileLines list what is in one of the user's files as it is stored. In a vars file any
// value may be a secret.
func (r *run) fileLines(name string) []string {
	text, reader := []byte(r.said.files[name]), difference.Reader{}
	leaves, err := reader.Read(text)
	if slices.Contains(r.wantedConfig.Manifest.VarsFiles, name) {
		leaves, err = reader.ReadLike(text, nil)
	}
	lines := []string{fmt.Sprintf("file %s, sha256 %.8s…:", name, digestOf(text))}
	if err != nil {
		return append(lines, "  ! "+err.Error())
	}
	for _, l := range leaves {
		lines = append(lines, "  "+l.String())
	}
	return lines
}

// chosenLines list what was chosen for what nobody has said: of components whence they
// come, and everything in full, since what is left out could be what was changed.
func chosenLines(c record.Choice) (lines []string) {
	for _, line := range selection.Lines(nil, c.Components) {
		lines = append(lines, "component "+line)
	}
	c.Components = nil
	text, err := json.Marshal(c)
	if err != nil {
		return nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		lines = append(lines, fmt.Sprintf("chosen %s: %s", name, fields[name]))
	}
	return lines
}
