package searchlog

import "archive/zip"

// workbook reads the sheets of an XLSX file.
func (r *reader) workbook(name string, z *zip.Reader) {
	r.refuse(name, "not read", "workbooks cannot be read yet")
}
