package retry

import (
	"io"
	"net/http"
	"os"
)

// whole gives the transport a body that may be closed as soon as there is an answer. The
// AWS SDK does that, while the transport may still look whether the body has ended; it
// looks by WriteTo where a body has that, and the SDK's gives io.EOF there once it is
// closed. To the transport that is a body that could not be read: it ends the
// connection, and with it the answer that is on its way. Read, which takes io.EOF for
// the end, has no such trouble.
func whole(req *http.Request) *http.Request {
	if _, copies := req.Body.(io.WriterTo); !copies || req.Body == http.NoBody || req.GetBody != nil {
		return req // with GetBody it is net/http's own
	}
	if _, isFile := req.Body.(*os.File); isFile {
		return req // which the system sends by itself
	}
	out := req.WithContext(req.Context())
	out.Body = struct{ io.ReadCloser }{req.Body}
	return out
}
