"""What does depth choose where the data leave a choice? Deep matrix completion.

Some entries of a matrix of rank 5 are observed, and a product of N square matrices is trained on
them by gradient descent from a small multiple of the identity. Many products fit every entry: with
x = I this is a regression whose labels are observed in part. Arora, Cohen, Hu & Luo ("Implicit
regularization in deep matrix factorization", NeurIPS 2019) found that depth chooses one of low
rank, the more so the deeper the product and the smaller its start. Here the error on the entries
that were not observed and the effective rank are measured, by depth, start and number of entries,
on several draws of matrix and entries.

    python -m experiments.matrix_completion
"""
