package login

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// maxAnswer bounds an answer that is read into memory.
const maxAnswer = 16 << 20

// errPage is for the page of a proxy or of a network's login: the decoders take
// it for an empty answer.
var errPage = errors.New("the answer is a web page, not one of AWS: is there a proxy, or a login, between?")

// wire reads each answer whole before it gives it, so that one that is cut short
// counts as lost, and is asked for again.
type wire struct{ next http.RoundTripper }

// newClient makes the client of AWS's services. It repeats nothing: their
// clients do, which sign each try again.
func newClient(o Options) (*http.Client, error) {
	client, err := retry.NewClient(retry.Options{CACert: o.CACert, Policy: retry.Never, Debug: o.Debug, Wrap: func(t *http.Transport) (http.RoundTripper, error) {
		return &wire{next: t}, nil
	}})
	if err != nil {
		return nil, err
	}
	// A signature holds for one host.
	client.CheckRedirect = retry.NoRedirect
	return client, nil
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	_ = answer.Body.Close()
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the answer: %w", err)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("read the answer: it is larger than %d bytes", maxAnswer)
	case answer.StatusCode < 300 && isPage(answer.Header.Get("Content-Type"), body):
		return nil, errPage
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, nil
}
