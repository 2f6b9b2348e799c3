package main

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// database is a PostgreSQL cluster of its own; the system's is left alone.
type database struct {
	*process
	bin     string // "/usr/lib/postgresql/15/bin"
	address string // "127.0.0.11": its own, so that the port is free
}

const databaseUser, databaseName = "concourse", "postgres"

// startDatabase makes and starts the cluster of a site in dir, as the user postgres.
func startDatabase(ctx context.Context, l *launcher, dir string, number int) (*database, error) {
	account, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w; install postgresql", err)
	}
	uid, _ := strconv.Atoi(account.Uid) // user.Lookup gives numbers on Linux
	gid, _ := strconv.Atoi(account.Gid)
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(bins) == 0 {
		return nil, fmt.Errorf("start PostgreSQL: /usr/lib/postgresql holds no version; install postgresql")
	}
	bin, data := bins[len(bins)-1], filepath.Join(dir, "postgres")
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, err
	}
	if err := os.Chown(data, uid, gid); err != nil {
		return nil, err
	}
	who := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	logFile := filepath.Join(dir, "postgres.log")
	made, err := l.start(spec{name: "initdb", path: filepath.Join(bin, "initdb"), dir: data, log: logFile, credential: who,
		args: []string{"--pgdata", data, "--username", databaseUser, "--auth", "trust", "--no-sync", "--encoding", "UTF8", "--no-locale"}})
	if err != nil {
		return nil, err
	}
	if !made.wait(ctx, patience) || made.err != nil {
		made.stop(ctx, time.Second, syscall.SIGTERM)
		return nil, fmt.Errorf("make a PostgreSQL cluster: %v; see %s", made.err, logFile)
	}
	address := "127.0.0." + strconv.Itoa(10+number)
	p, err := l.start(spec{name: "postgres", path: filepath.Join(bin, "postgres"), dir: data, log: logFile, credential: who, dies: syscall.SIGQUIT,
		args: []string{"-D", data, "-h", address, "-k", data, "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200", "-c", "wal_level=logical"}})
	if err != nil {
		return nil, err
	}
	db := &database{process: p, bin: bin, address: address}
	err = eventually(ctx, patience, "PostgreSQL", func(ctx context.Context) error {
		if p.ended() {
			return finalError{fmt.Errorf("start PostgreSQL: %v; see %s", p.err, logFile)}
		}
		_, err := run(ctx, "", nil, filepath.Join(bin, "pg_isready"), "-q", "-h", address)
		return err
	})
	if err != nil {
		db.close(ctx)
		return nil, err
	}
	return db, nil
}

// close stops the cluster at once, without waiting for its clients.
func (d *database) close(ctx context.Context) {
	d.stop(ctx, 10*time.Second, syscall.SIGINT, syscall.SIGQUIT)
}

// connect opens a session.
func (d *database) connect(ctx context.Context) (*pgx.Conn, error) {
	return pgx.Connect(ctx, "host="+d.address+" user="+databaseUser+" dbname="+databaseName+" sslmode=disable")
}

// execute runs one statement in a session of its own.
func (d *database) execute(ctx context.Context, statement string) error {
	conn, err := d.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, statement)
	return err
}

// number is the answer to a question for one number.
func (d *database) number(ctx context.Context, question string) (int64, error) {
	conn, err := d.connect(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(ctx) }()
	var n int64
	return n, conn.QueryRow(ctx, question).Scan(&n)
}
