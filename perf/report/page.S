// report/page.html as bytes of the library.
  .section .rodata
  .global ordeal_perf_page_begin
  .global ordeal_perf_page_end
ordeal_perf_page_begin:
  .incbin ORDEAL_PAGE_FILE
ordeal_perf_page_end:
  .byte 0
  .section .note.GNU-stack,"",@progbits
