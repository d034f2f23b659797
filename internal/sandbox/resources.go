package sandbox

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
)

// resource is a file of a clinic that its practitioners attach to plans.
type resource struct {
	ID       string
	Name     string
	Category *string
	Type     *string

	clinicID string
}

func (r *resource) rowID() string       { return r.ID }
func (r *resource) rowGroups() []string { return []string{r.clinicID} }

type resourceView struct {
	ID            string  `json:"id"`
	AttachmentURL string  `json:"attachment_url"`
	Category      *string `json:"category"`
	Name          string  `json:"name"`
	Type          *string `json:"type"`
}

const resourceType = "practitioner_resource"

func (s *Server) resourceViews(list []*resource) []resourceView {
	out := make([]resourceView, len(list))
	for i, r := range list {
		at := s.opts.BaseURL + "/api/clinic/resources/" + r.ID + "/download?type=" + resourceType
		out[i] = resourceView{r.ID, at, r.Category, r.Name, r.Type}
	}
	return out
}

func downloadResource(req *request) reply {
	r, found := req.state().resources.get(req.path("id"))
	kind := req.param("type")
	if !found || r.clinicID != req.clinic() || kind != "" && kind != resourceType {
		return notFound("Resource")
	}
	name := strings.ReplaceAll(strings.ToLower(r.Name), " ", "-") + ".pdf"
	return pdf(r.Name).with("Content-Disposition", `attachment; filename="`+name+`"`)
}

// pdf answers with one page that shows a line of text. Its offsets are correct, so that viewers open it.
func pdf(text string) reply {
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	escaped := strings.NewReplacer(`\`, `\\`, `(`, `\(`, `)`, `\)`).Replace(text)
	stream := "BT /F1 18 Tf 72 720 Td (" + escaped + ") Tj ET"
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(stream), stream),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
	}
	offsets := make([]int, len(objects))
	for i, o := range objects {
		offsets[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	table := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, at := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&b, "trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, table)
	return reply{status: http.StatusOK, raw: b.Bytes()}.with("Content-Type", "application/pdf")
}
