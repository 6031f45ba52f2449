/* The warden's executable, as bytes of the library: no path to find, no file to install. */
    .section .rodata
    .global ordeal_warden_image_begin
    .global ordeal_warden_image_end
    .balign 16
ordeal_warden_image_begin:
    .incbin ORDEAL_WARDEN_FILE
ordeal_warden_image_end:
    .section .note.GNU-stack, "", %progbits
