package retry_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"sync"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// hasty is a body like the AWS SDK's: closed once there is an answer, it has ended, and
// says so by WriteTo as an error. The end comes only then: that is the machine that is
// too busy to look for it sooner.
type hasty struct {
	left   *bytes.Reader
	once   sync.Once
	closed chan struct{}
}

func (h *hasty) Read(p []byte) (int, error) {
	if h.left.Len() == 0 {
		<-h.closed
	}
	return h.left.Read(p)
}

func (h *hasty) WriteTo(io.Writer) (int64, error) {
	<-h.closed
	return 0, io.EOF
}

func (h *hasty) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

func TestClient_keepsTheAnswerWhenTheRequestsBodyIsClosedEarly(t *testing.T) {
	more := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
		_ = http.NewResponseController(w).Flush()
		<-more
		_, _ = io.WriteString(w, " and the rest")
	}))
	defer server.Close()
	client, err := retry.NewClient(retry.Options{Policy: retry.Never})
	if err != nil {
		t.Fatal(err)
	}
	wrote := make(chan error, 1)
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{WroteRequest: func(i httptrace.WroteRequestInfo) { wrote <- i.Err }})
	body := &hasty{left: bytes.NewReader([]byte("Action=DescribeStacks")), closed: make(chan struct{})}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = int64(body.left.Len())
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	_ = body.Close()
	if err := <-wrote; err != nil {
		t.Errorf("the request was not sent whole: %v", err)
	}
	close(more)
	if text, err := io.ReadAll(res.Body); err != nil || string(text) != "Action=DescribeStacks and the rest" {
		t.Errorf("the answer is %q, %v", text, err)
	}
}
