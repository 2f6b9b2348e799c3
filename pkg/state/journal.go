package state

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
)

// journalFormat is how the records of operations are written.
var journalFormat = Format{Kind: "journal"}

const (
	journalPrefix = "journal/"
	journalSuffix = ".json"
	// journalTries bounds the writes of one entry while others write too.
	journalTries = 20
)

// Journal keeps what operations did, one document an operation, so that a run
// that comes after a killed one knows what was begun. Entries are only added.
type Journal struct{ store Store }

// NewJournal keeps a journal in store.
func NewJournal(store Store) *Journal { return &Journal{store: store} }

// Begin writes an operation down before anything of it is sent. An operation
// that a killed run began is gone on with: its record comes back as it is. It is
// an error if that one has another deployment, digest or attempt.
func (j *Journal) Begin(ctx context.Context, operation Operation) (Record, error) {
	record, err := j.begin(ctx, operation)
	if err != nil {
		return Record{}, fmt.Errorf("begin operation %s in the journal: %w", operation.ID, err)
	}
	return record, nil
}

func (j *Journal) begin(ctx context.Context, operation Operation) (Record, error) {
	if err := operation.check(); err != nil {
		return Record{}, err
	}
	if operation.Started.IsZero() {
		now, err := j.store.Now(ctx)
		if err != nil {
			return Record{}, err
		}
		operation.Started = now
	}
	operation.Started = operation.Started.UTC()
	record := Record{Operation: operation, Entries: []Entry{}}
	body, err := journalFormat.Encode(record)
	if err != nil {
		return Record{}, err
	}
	_, err = j.store.Put(ctx, journalName(operation.ID), body, "")
	if !errors.Is(err, ErrConflict) {
		return record, err
	}
	record, _, err = j.read(ctx, operation.ID)
	if err == nil && !record.Operation.same(operation) {
		o := record.Operation
		return Record{}, fmt.Errorf("the journal has another operation of that id: deployment %s, attempt %d, begun %s", o.Deployment, o.Attempt, o.Started)
	}
	return record, err
}

// Record adds an entry to an operation that was begun. It fails with
// ErrNotFound if it was not.
func (j *Journal) Record(ctx context.Context, operation string, entry Entry) error {
	if err := j.add(ctx, operation, entry); err != nil {
		return fmt.Errorf("record step %q of operation %s: %w", entry.Step, operation, err)
	}
	return nil
}

func (j *Journal) add(ctx context.Context, operation string, entry Entry) error {
	err := entry.check()
	if err == nil && entry.At.IsZero() {
		entry.At, err = j.store.Now(ctx)
	}
	if err != nil {
		return err
	}
	entry.At = entry.At.UTC()
	for range journalTries {
		record, revision, err := j.read(ctx, operation)
		if err != nil {
			return err
		}
		if len(record.Entries) >= maxEntries {
			return fmt.Errorf("it has %d entries, which is the most", maxEntries)
		}
		record.Entries = append(record.Entries, entry)
		body, err := journalFormat.Encode(record)
		if err != nil {
			return err
		}
		if _, err := j.store.Put(ctx, journalName(operation), body, revision); !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("others wrote at the same time %d times in a row: %w", journalTries, ErrConflict)
}

// Read gives one operation. It fails with ErrNotFound.
func (j *Journal) Read(ctx context.Context, operation string) (Record, error) {
	record, _, err := j.read(ctx, operation)
	if err != nil {
		return Record{}, fmt.Errorf("read the journal of operation %s: %w", operation, err)
	}
	return record, nil
}

// Latest gives at most n operations of a deployment, the latest first; all
// deployments' if that is "".
func (j *Journal) Latest(ctx context.Context, deployment string, n int) ([]Record, error) {
	records, err := j.all(ctx, deployment)
	if err != nil {
		return nil, fmt.Errorf("list the journal: %w", err)
	}
	return records[:min(max(n, 0), len(records))], nil
}

// Prune deletes all but the last keep operations of a deployment, or of each
// and every one if that is "", and says how many went.
func (j *Journal) Prune(ctx context.Context, deployment string, keep int) (int, error) {
	records, err := j.all(ctx, deployment)
	if err != nil {
		return 0, fmt.Errorf("prune the journal: %w", err)
	}
	gone, kept := 0, map[string]int{}
	for _, record := range records {
		if kept[record.Operation.Deployment]++; kept[record.Operation.Deployment] <= keep {
			continue
		}
		err := j.remove(ctx, record.Operation.ID)
		switch {
		case err == nil:
			gone++
		case !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrConflict): // another run prunes or goes on with it
			return gone, fmt.Errorf("prune the journal: %w", err)
		}
	}
	return gone, nil
}

// remove deletes one operation.
func (j *Journal) remove(ctx context.Context, operation string) error {
	_, revision, err := j.read(ctx, operation)
	if err != nil {
		return err
	}
	return j.store.Delete(ctx, journalName(operation), revision)
}

// all reads every operation of a deployment, the latest first.
func (j *Journal) all(ctx context.Context, deployment string) ([]Record, error) {
	names, err := j.store.List(ctx, journalPrefix)
	if err != nil {
		return nil, err
	}
	records := []Record{}
	for _, name := range names {
		operation, isRecord := strings.CutSuffix(strings.TrimPrefix(name, journalPrefix), journalSuffix)
		if !isRecord || strings.Contains(operation, "/") {
			continue
		}
		record, _, err := j.read(ctx, operation)
		if errors.Is(err, ErrNotFound) { // pruned meanwhile
			continue
		}
		if err != nil {
			return nil, err
		}
		record.Operation.ID = operation // whatever it says of itself: it is pruned by it
		if deployment == "" || record.Operation.Deployment == deployment {
			records = append(records, record)
		}
	}
	sort.SliceStable(records, func(i, k int) bool {
		a, b := records[i].Operation, records[k].Operation
		if a.Started.Equal(b.Started) {
			return a.Attempt > b.Attempt
		}
		return a.Started.After(b.Started)
	})
	return records, nil
}

// read reads one operation with its revision.
func (j *Journal) read(ctx context.Context, operation string) (Record, string, error) {
	name := journalName(operation)
	document, err := j.store.Get(ctx, name)
	if err != nil {
		return Record{}, "", err
	}
	var record Record
	if err := journalFormat.Decode(name, document.Body, &record); err != nil {
		return Record{}, "", err
	}
	return record, document.Revision, nil
}

// journalName is the document of an operation.
func journalName(operation string) string { return journalPrefix + operation + journalSuffix }
