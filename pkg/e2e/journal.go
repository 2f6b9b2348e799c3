package main

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"
)

// journal is what Concourse does to its database, read from PostgreSQL's own log
// of changes. A state is in there however short it was, and when nobody was
// looking; and Concourse itself goes without any change.
type journal struct {
	db   *database
	conn *pgx.Conn
	rows []change // of the transaction that is being read
}

// change is a row that was written.
type change struct {
	at     time.Time         // when the transaction was committed
	table  string            // "workers"
	action string            // "INSERT", "UPDATE" or "DELETE"
	values map[string]string // by column, without what is null: {"state": "landing"}
}

const journalSlot = "e2e"

// open begins the log. What happens from now on is kept until it is read.
func (d *database) journal(ctx context.Context) (*journal, error) {
	if err := d.execute(ctx, "SELECT pg_create_logical_replication_slot('"+journalSlot+"', 'test_decoding')"); err != nil {
		return nil, fmt.Errorf("begin the journal of the database: %w", err)
	}
	return &journal{db: d}, nil
}

// read gives the changes since it was called before.
func (j *journal) read(ctx context.Context) ([]change, error) {
	if j.conn == nil || j.conn.IsClosed() {
		conn, err := j.db.connect(ctx)
		if err != nil {
			return nil, err
		}
		j.conn = conn
	}
	found, err := j.conn.Query(ctx, "SELECT data FROM pg_logical_slot_get_changes('"+journalSlot+"', NULL, NULL, 'include-timestamp', 'on', 'skip-empty-xacts', 'on')")
	if err != nil {
		return nil, fmt.Errorf("read the journal of the database: %w", err)
	}
	lines, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read the journal of the database: %w", err)
	}
	var list []change
	for _, line := range lines {
		list = append(list, j.decode(line)...)
	}
	return list, nil
}

func (j *journal) close(ctx context.Context) {
	if j.conn != nil {
		_ = j.conn.Close(ctx) // the database ends next
	}
}

// What test_decoding writes: BEGIN, rows, and COMMIT with its time.
var (
	journalRow    = regexp.MustCompile(`(?s)^table public\.(workers|pipelines): (INSERT|UPDATE|DELETE): (.*)$`)
	journalColumn = regexp.MustCompile(`(\w+)\[[^]]*\]{1,2}:(?:'((?:[^']|'')*)'|(\S+))`)
	journalCommit = regexp.MustCompile(`^COMMIT \d+ \(at (.*)\)$`)
)

const journalTime = "2006-01-02 15:04:05.999999-07"

// decode takes a line of the log, and gives the transaction's rows at its end.
func (j *journal) decode(line string) []change {
	if row := journalRow.FindStringSubmatch(line); row != nil {
		c := change{table: row[1], action: row[2], values: map[string]string{}}
		for _, column := range journalColumn.FindAllStringSubmatch(row[3], -1) {
			if value := column[2] + column[3]; value != "null" {
				c.values[column[1]] = value
			}
		}
		j.rows = append(j.rows, c)
		return nil
	}
	end := journalCommit.FindStringSubmatch(line)
	if end == nil {
		return nil
	}
	rows := j.rows
	j.rows = nil
	at, err := time.Parse(journalTime, end[1])
	if err != nil {
		at = time.Now()
	}
	for n := range rows {
		rows[n].at = at
	}
	return rows
}
