// Package artifact downloads files so that each is whole and right when its
// name appears: verified while it is written, resumed when the connection is
// cut, and removed when anything is wrong.
package artifact

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// File is one file to download.
type File struct {
	Name   string      // for progress and errors; default: the base of Path
	URL    string      // http or https
	Header http.Header // sent to the URL's own host only, but for Accept
	Path   string      // where it is to appear; its directory exists
	SHA256 string      // hex; checked if set
	SHA1   string      // hex; checked if set and there is no SHA-256
	Size   int64       // bytes; checked if not 0

	Unverified bool         // it is taken where no digest of it is known
	Network    dial.Network // of the server that named the URL: it leads to what that server may name
}

// Target is what a download is written to. *os.File is one.
type Target interface {
	io.WriteCloser
	Sync() error
}

// Config of a Fetcher; the zero value of a field is its default.
type Config struct {
	CACert   string        // PEM certificates to trust beside the system's: files come from several hosts
	Log      io.Writer     // gets the progress lines; default: none
	Debug    *slog.Logger  // gets every exchange; nil: none is logged
	Parallel int           // downloads at the same time; default 4
	Every    time.Duration // between two progress lines of a file; default 5 s
	Stall    time.Duration // a connection that gives nothing for so long counts as cut; default 60 s
	MaxSize  int64         // larger files are refused; default 16 GiB
	// Policy bounds the tries for each file; default: DefaultPolicy.
	Policy   retry.Policy
	Resolver *net.Resolver // finds the addresses of hosts; default: the system's
	// Create makes the temporary file. Default: a new one that only its owner may read.
	Create func(path string) (Target, error)
}

// Fetcher downloads files. It may be used by several goroutines.
type Fetcher struct {
	config Config
	client *http.Client
	mu     sync.Mutex // one progress line at a time
}

// DefaultPolicy suits large files over a bad line: eight tries, 1 to 30 s apart.
var DefaultPolicy = retry.Policy{Attempts: 8, First: time.Second, Max: 30 * time.Second}

// ErrUnverified says that neither digest of a file is known.
var ErrUnverified = errors.New("no digest of it is known, so it cannot be verified")

// New makes a Fetcher; it sends nothing. It fails with retry.ErrCACert.
func New(config Config) (*Fetcher, error) {
	config.CACert = strings.TrimSpace(config.CACert) // several may have been joined, all of them empty
	client, err := retry.NewClient(retry.Options{
		CACert: config.CACert,
		Policy: retry.Never, // the download resumes by itself
		Debug:  config.Debug, Resolver: config.Resolver,
		Wrap: func(t *http.Transport) (http.RoundTripper, error) {
			trustSystemToo(t.TLSClientConfig, config.CACert)
			// Of a large body, HTTP/2 makes small frames that are copied once more.
			t.ForceAttemptHTTP2, t.TLSNextProto = false, map[string]func(string, *tls.Conn) http.RoundTripper{}
			t.DisableCompression = true // the digest is that of the file, not of its transfer
			return t, nil
		},
	})
	if err != nil {
		return nil, err
	}
	client.CheckRedirect = redirect
	return &Fetcher{config: withDefaults(config), client: client}, nil
}

// withDefaults fills what is not set.
func withDefaults(c Config) Config {
	if c.Parallel < 1 {
		c.Parallel = 4
	}
	if c.Every <= 0 {
		c.Every = 5 * time.Second
	}
	if c.Stall <= 0 {
		c.Stall = time.Minute
	}
	if c.MaxSize <= 0 {
		c.MaxSize = 16 << 30
	}
	if c.Policy.Attempts == 0 {
		c.Policy = DefaultPolicy
	}
	if c.Log == nil {
		c.Log = io.Discard
	}
	if c.Create == nil {
		c.Create = create
	}
	return c
}

// create is the default of Config.Create.
func create(path string) (Target, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}

// trustSystemToo adds the system's certificates to the given ones, where it has any.
func trustSystemToo(config *tls.Config, caCert string) {
	if caCert == "" {
		return
	}
	if pool, err := x509.SystemCertPool(); err == nil {
		pool.AppendCertsFromPEM([]byte(caCert))
		config.RootCAs = pool
	}
}

// redirect keeps what a file's header holds from other hosts.
func redirect(req *http.Request, via []*http.Request) error {
	if err := retry.Redirect(req, via); err != nil {
		return err
	}
	first := via[0]
	if req.URL.Host == first.URL.Host && req.URL.Scheme == first.URL.Scheme {
		return nil
	}
	for key := range req.Header {
		switch key {
		case "Accept", "Accept-Encoding", "Range", "If-Range":
		default:
			delete(req.Header, key)
		}
	}
	return nil
}

// Fetch downloads the files, several at a time. The first error stops the others
// and is returned; files that were complete by then stay. It fails with
// ErrUnverified, *StatusError, *MismatchError, or with what the disk or the
// network said, wrapped.
func (f *Fetcher) Fetch(ctx context.Context, files ...File) error {
	if err := f.check(files); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(f.config.Parallel)
	for _, file := range files {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := newDownload(f, file).run(ctx); err != nil {
				return fmt.Errorf("fetch %s: %w", name(file), err)
			}
			return nil
		})
	}
	return group.Wait()
}

// check finds what is wrong with the files before anything is sent.
func (f *Fetcher) check(files []File) error {
	paths := map[string]string{}
	for _, file := range files {
		if err := f.checkFile(file); err != nil {
			return fmt.Errorf("fetch %s: %w", name(file), err)
		}
		path := filepath.Clean(file.Path)
		if other, taken := paths[path]; taken {
			return fmt.Errorf("fetch %s: %s is to be at %s too", name(file), other, path)
		}
		paths[path] = name(file)
	}
	return nil
}

// checkFile finds what is wrong with one file.
func (f *Fetcher) checkFile(file File) error {
	u, err := url.Parse(file.URL)
	switch {
	case err != nil, u.Host == "", u.Scheme != "http" && u.Scheme != "https":
		return errors.New("its url has no scheme and host, as in https://example.com/file.tgz")
	case dial.CheckURL(u, file.Network) != nil:
		return dial.CheckURL(u, file.Network)
	case file.Path == "":
		return errors.New("it has no path")
	case file.SHA256 != "" && !isDigest(file.SHA256, 32):
		return fmt.Errorf("its sha256 %q is not 64 hexadecimal digits", file.SHA256)
	case file.SHA1 != "" && !isDigest(file.SHA1, 20):
		return fmt.Errorf("its sha1 %q is not 40 hexadecimal digits", file.SHA1)
	case file.SHA256 == "" && file.SHA1 == "" && !file.Unverified:
		return ErrUnverified
	case file.Size > f.config.MaxSize:
		return fmt.Errorf("it has %s, more than the %s that are allowed", bytesText(file.Size), bytesText(f.config.MaxSize))
	}
	return nil
}

// isDigest says whether text is the hex form of size bytes.
func isDigest(text string, size int) bool {
	raw, err := hex.DecodeString(text)
	return err == nil && len(raw) == size
}

// name is what a file is called in messages.
func name(file File) string {
	if file.Name != "" {
		return file.Name
	}
	return filepath.Base(file.Path)
}

// logf writes one line, whole.
func (f *Fetcher) logf(format string, arguments ...any) {
	line := fmt.Sprintf(format, arguments...)
	f.mu.Lock()
	defer f.mu.Unlock()
	_, _ = io.WriteString(f.config.Log, strings.TrimRight(line, "\n")+"\n")
}
