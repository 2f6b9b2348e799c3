package ledger

import (
	"context"
	"encoding/json"
	"fmt"
)

// Journal is the JournalDocument: what the CPI was asked for, and what it answered.
type Journal struct {
	Host      string `json:"host"`           // where the run was, for people
	Workspace string `json:"workspace"`      // the id of the workspace that holds the answers' files
	Calls     []Call `json:"calls"`          // of the last run that called the CPI
	Lost      []Call `json:"lost,omitempty"` // of all runs: creations of which nothing came back
}

// ReadJournal reads the document; none is an empty journal. It fails with ErrState.
func (w *Writer) ReadJournal() (Journal, error) { return readJournal(w.ctx, w.documents) }

// PutJournal writes the document.
func (w *Writer) PutJournal(j Journal) error {
	body, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", JournalDocument, err)
	}
	return w.Put(JournalDocument, body)
}

func readJournal(ctx context.Context, d Documents) (Journal, error) {
	body, err := d.Get(ctx, JournalDocument)
	if err != nil {
		return Journal{}, fmt.Errorf("read %s: %w", JournalDocument, err)
	}
	return decodeJournal(body)
}

// decodeJournal reads a journal; none is an empty one. It fails with ErrState.
func decodeJournal(body []byte) (Journal, error) {
	var j Journal
	if body == nil {
		return j, nil
	}
	if err := json.Unmarshal(body, &j); err != nil {
		return j, fmt.Errorf("%w: %s is not whole: %w; restore its last whole version: it may name a VM that the state does not",
			ErrState, JournalDocument, err)
	}
	return j, j.plausible()
}

// Write puts a call into the journal: a new one, or the answer of one that is in it.
func (j *Journal) Write(c Call) {
	if c.Number > len(j.Calls) {
		j.Calls = append(j.Calls, c)
	} else {
		j.Calls[c.Number-1] = c
	}
	if c.LostCreation() {
		j.Lost = append(j.Lost, c)
	}
}
